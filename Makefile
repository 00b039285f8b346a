# Shortcuts; each target is a script that also runs without make.

.PHONY: demo test lint bench install stop supabase

demo: ## Build, start a private Postgres, run the seed flow and show the result
	dev/demo

stop: ## Stop the Postgres that the demo has left running
	dev/stop

test: ## All tests
	dev/test

lint: ## The formatter and all linters
	dev/lint

bench: ## Measure against hand-written PL/pgSQL
	dev/bench

install: ## Build and install into the Postgres that PG_CONFIG names
	dev/install

supabase: ## A local Supabase without Docker, until Ctrl-C
	dev/supabase
