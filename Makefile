.PHONY: testbed

# The real parts the tests run against, built once per user and kept.
testbed:
	@tests/testbed/build
