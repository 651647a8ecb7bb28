"""COPY JSON: keys, JSONPaths, SUPER, and rows that are not objects."""

import json

import pytest
from tests.copy_loader import Loader, fails_with


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ("json 'auto'", '{"id": 1, "name": "a", "tags": [1, {"k": null}]}\n{"name": "b", "id": 2, "more": 3}\n'),
        (
            "format json 'auto'",
            '{"id": 1,\n "name": "a", "tags": [1, {"k":null}]} {"id": 2, "name": "b", "tags": null}',
        ),
        ("json 'auto ignorecase'", '{"ID": 1, "Name": "a", "tags": [1, {"k": null}]}\n{"id": 2, "NAME": "b"}\n'),
    ],
)
def test_json_maps_keys_to_columns(loader: Loader, options: str, body: str) -> None:
    loader.run("create table t (id int, name varchar(10), tags varchar(50))")
    assert loader.copy(body, options) == [(1, "a", '[1,{"k":null}]'), (2, "b", None)]


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ("json 'auto'", '{"id": 1, "doc": {"a": [1, "x"]}} {"id": 2, "doc": "s"} {"id": 3}'),
        ("csv", '1,"{""a"": [1, ""x""]}"\n2,"""s"""\n3,\n'),
    ],
)
def test_super_columns_are_read_as_json(loader: Loader, options: str, body: str) -> None:
    loader.run("create table t (id int, doc super)")
    assert loader.copy(body, options) == [(1, '{"a":[1,"x"]}'), (2, '"s"'), (3, None)]
    assert loader.run("select json_typeof(doc) from t where id < 3 order by id") == [("object",), ("string",)]


def test_noshred_puts_each_document_into_one_super(loader: Loader) -> None:
    loader.run("create table t (doc super)")
    url = loader.put("data", '{"id": 1} [2]')
    loader.run(f"copy t from '{url}' iam_role '{loader.server.iam_role}' json 'noshred'")
    assert sorted(loader.run("select json_serialize(doc) from t")) == [("[2]",), ('{"id":1}',)]


def test_auto_accepts_objects_only_and_an_array_is_an_error(loader: Loader) -> None:
    loader.run("create table t (id int)")
    with fails_with("stl_load_errors"):
        loader.copy('[{"id": 1}]', "json 'auto'")
    assert loader.errors() == [(1, "", 1216, "")]


def test_jsonpaths_and_a_bad_json_row(loader: Loader) -> None:
    loader.run("create table t (id int, name varchar(10))")
    paths = loader.put("paths.json", json.dumps({"jsonpaths": ["$.a[1]", "$['b']['c']"]}))
    assert loader.copy('{"a": [0, 5], "b": {"c": "x"}}\n{"a": []}\n', f"json '{paths}'") == [(5, "x"), (None, None)]
    with fails_with("stl_load_errors"):
        loader.copy('{"a": [0, 5]}\n{"a": ["x", "y"]}\n', f"json '{paths}'")
    assert loader.errors() == [(2, "id", 1207, "y")]


@pytest.mark.parametrize("number", ["1.50", "1e2", "0.10", "1E-3", "7.0"])
def test_a_number_is_kept_in_text_as_it_is_written(loader: Loader, number: str) -> None:
    loader.run("create table t (id int, name varchar(10))")
    assert loader.copy(f'{{"id": 1, "name": {number}}}\n', "json 'auto'") == [(1, number)]
