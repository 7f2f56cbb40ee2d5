"""Gates: what a version must meet before an alias may designate it.

A ModelAlias writes rules in spec.gates: bounds on metrics, tags with their values, an approval. Two ask whether a
version meets them: the store in the user's own call, with metrics from MLflow, and the operator before traffic moves,
with the metrics that the store recorded. Both call the same pure function, and differ only in what they can say of a
number that they do not have.

evaluate    rules and facts in, one result for each rule out
outcomes    a result as a value: rule, outcome, what was found, and why a number is lacking
wording     every text about gates: titles, what was found, refusals, remedies, and the record in the history

Nothing reads these texts back: whoever decides looks at results, and a reworded text changes no behaviour. What the
history keeps of a result is entities.GateRecord: the texts as they were told, and the parts that programs need.
"""
