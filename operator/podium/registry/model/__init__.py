"""Values of the registry and pure changes of them; nothing here knows ConfigMaps or makes a call.

entities       registered models (heads), versions, claims, history, gates
transitions    one value in, the next one out; InUse and NotFound are raised here, so that they hold in the same swap
essentials     what the operator's decisions need of a head or a version, bounded
validation     which names, aliases, tags and texts a registry takes: MLflow's rules and ours
"""
