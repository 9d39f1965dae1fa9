.PHONY: bench chaos demo test testbed

# What N accesses cost the operator, to create and to watch over (500 unless N=... says otherwise).
bench:
	@N="$(or $(N),500)" tests/bench/run

# The main job on real parts, before your eyes. KEEP=1 leaves it running.
demo:
	@tests/demo/run

# Kills the operator at every call it makes, loses every answer, and more: half an hour. Writes target/chaos.json.
chaos:
	@tests/chaos/run

# Everything that has to hold: format, lints, documentation, pure tests, tests on real parts.
test:
	@tests/run

# The real parts the tests run against, built once per user and kept.
testbed:
	@tests/testbed/build
