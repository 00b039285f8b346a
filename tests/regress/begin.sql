\set ECHO none
-- Begins a test: creates its database, connects to it, and includes the optional fixture and the
-- helpers. Set "database" before, and "fixture" to a path relative to this file. "home" is the
-- database to return to at the end.
\set home :DBNAME
CREATE DATABASE :database;
\c :database
\if :{?fixture}
    \ir :fixture
\endif
\ir helpers.sql
\set ECHO all
