"""MLflow's registry calls, measured against its SQL store on PostgreSQL and against Podium's on an API server."""
