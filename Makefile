lock: ## compile the hashed lock files from pyproject.toml
	$(COMPILE) --extra operator -o requirements/operator.lock
	$(COMPILE) --extra tracking -o requirements/tracking.lock
	$(COMPILE) --extra serving -o requirements/serving.lock
	uv pip compile --universal --generate-hashes --python-version 3.11 --quiet --custom-compile-command 'make lock' --group build -o requirements/build.lock
	$(COMPILE) --all-extras --group dev --override requirements/dev-overrides.txt -o requirements/dev.lock
COMPILE = uv pip compile --universal --generate-hashes --python-version 3.11 --quiet --custom-compile-command 'make lock' pyproject.toml
