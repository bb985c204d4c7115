"""What each source gives, and the one message for a bad one."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fanin.data import Batches, Data, DataFailed, Stream, batches, open_data


def opened(source: Any, **options: Any) -> Data:
    data = open_data(source, **options)
    assert isinstance(data, Data)
    return data


def refused(source: Any, **options: Any) -> tuple[str, str]:
    """The code and the whole text of the one message."""
    with pytest.raises(DataFailed) as caught:
        open_data(source, **options)
    (found,) = caught.value.report.diagnostics
    return found.code.id, str(caught.value)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path


def shapes(data: Data) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in data.fields.items()}


# ------------------------------------------------------------------------------------------------------ sets by name


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "linnerud"])
def test_the_sets_of_scikit_learn(name: str) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    loaded = getattr(datasets, f"load_{name}")()
    data = opened(name)
    np.testing.assert_array_equal(data["x"], loaded.data)
    np.testing.assert_array_equal(data["label" if "label" in data.fields else "y"], loaded.target)


def test_digits_are_images_or_rows() -> None:
    pytest.importorskip("sklearn")
    images, rows = opened("digits"), opened("digits:flat=true")
    assert shapes(images) == {"image": (1797, 1, 8, 8), "label": (1797,)}
    np.testing.assert_array_equal(images["image"].reshape(-1, 64), rows["x"])
    assert images["image"].min() == 0 and images["image"].max() == 1
    assert opened("digits:scale=none")["image"].max() == 16
    standard = opened("digits:flat=true,scale=standard")["x"]
    deviation = standard.std(axis=0)
    np.testing.assert_allclose(standard.mean(axis=0), 0, atol=1e-12)
    assert set(np.round(deviation, 9).tolist()) == {0.0, 1.0}  # a pixel that is never drawn on stays 0
    assert shapes(opened("digits:flat=true:100")) == {"x": (100, 64), "label": (100,)}
    assert shapes(opened("digits", flat=True)) == shapes(rows)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("digts", "DAT001", "did you mean `digits`?"),
        ("", "DAT001", "empty"),
        ("nothing at all", "DAT001", "there is no data"),
        ("digits:flt=true", "DAT009", "did you mean `flat`?"),
        ("digits:flat=maybe", "DAT009", "`flat` is true or false, not `maybe`"),
        ("digits:flat=true,flat=true", "DAT009", "given twice"),
        ("digits:flat=true,scale", "DAT009", "not of the form key=value"),
        ("digits:scale=big", "DAT009", "`unit`, `standard` and `none`"),
        ("digits:0", "DAT007", "0 rows"),
        ("moons:n=0", "DAT009", "1 or more"),
        ("moons:noise=-1", "DAT009", "0 or more"),
        ("separable:margin=0.9", "DAT009", "0.5 at most"),
        ("waves:k=1+x", "DAT009", "joined by `+`"),
        ("no_such.npz", "DAT001", "there is no file no_such.npz"),
        ("no_such_module:make", "DAT001", "no module `no_such_module`"),
        ("json:lods", "DAT001", "did you mean `loads`?"),
    ],
)
def test_a_text_that_names_nothing(text: str, code: str, said: str) -> None:
    id, message = refused(text)
    assert id == code and said in message


# ------------------------------------------------------------------------------------------------------------ arrays


def test_npz(folder: Path) -> None:
    np.savez("some.npz", image=np.zeros((4, 8, 8), np.uint8), name=np.array(["b", "a", "b", "c"]))
    data = opened("some.npz")
    assert shapes(data) == {"image": (4, 8, 8), "name": (4,)}
    assert data["name"].tolist() == [1, 0, 1, 2] and data.classes["name"] == ("a", "b", "c")
    np.save("one.npy", np.ones((3, 2)))
    assert shapes(opened("one.npy")) == {"x": (3, 2)}
    np.savez("parts.npz", x_train=np.ones((6, 2)), y_train=np.ones(6), x_test=np.ones((2, 2)), y_test=np.ones(2))
    data = opened("parts.npz")
    assert shapes(data) == {"x": (6, 2), "y": (6,)} and shapes(data.parts["test"]) == {"x": (2, 2), "y": (2,)}


def test_a_class_has_one_number_in_all_parts() -> None:
    data = opened({"y_train": np.array(["b", "c", "a"]), "y_test": np.array(["c"])})
    assert data["y"].tolist() == [1, 2, 0] and data.parts["test"]["y"].tolist() == [2]
    assert data.parts["test"].classes["y"] == ("a", "b", "c")


def test_bytes_of_pictures_go_from_0_to_1_where_asked() -> None:
    pictures = np.arange(256, dtype=np.uint8).reshape(4, 4, 4, 4)
    np.savez("some.npz", image=pictures)
    batch = next(iter(Batches(opened("some.npz:scale=unit,channels=last"), 4, shuffle=False)))
    torch.testing.assert_close(batch["image"], torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255)


def damaged(kind: str) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x=np.random.default_rng(0).random((50, 50)))
    whole = buffer.getvalue()
    return {
        "empty": b"",
        "text": b"these are no arrays",
        "cut": whole[: len(whole) // 2],
        "cut at the end": whole[:-20],
        "changed": whole[:200] + bytes(200) + whole[400:],
        "no arrays in it": _zip({"x.txt": b"hello"}),
        "nothing in it": _zip({}),
    }[kind]


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, text in files.items():
            file.writestr(name, text)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "kind", ["empty", "text", "cut", "cut at the end", "changed", "no arrays in it", "nothing in it"]
)
def test_a_damaged_npz(folder: Path, kind: str) -> None:
    (folder / "bad.npz").write_bytes(damaged(kind))
    code, message = refused("bad.npz")
    assert code in ("DAT002", "DAT007", "DAT011") and "bad.npz" in message


class Trap:
    def __reduce__(self) -> Any:
        return os.mkdir, ("trapped",)


def test_no_pickle_is_read(folder: Path) -> None:
    np.savez("bad.npz", x=np.array([Trap()], dtype=object))
    np.save("bad.npy", np.array([Trap()], dtype=object))
    for name in ("bad.npz", "bad.npy"):
        code, message = refused(name)
        assert code == "DAT002" and "a pickle can run code" in message
    assert not (folder / "trapped").exists()


def test_a_folder_or_an_unreadable_file_in_the_place_of_one(folder: Path) -> None:
    (folder / "dir.npz").mkdir()
    assert refused("dir.npz")[0] == "DAT007"  # a folder, and it has no images
    (folder / "data.xyz").write_text("x")
    assert refused("data.xyz")[0] == "DAT001"


@pytest.mark.parametrize("name", ["a.npz", "a.csv"])
def test_a_file_that_the_system_does_not_read(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / name).write_bytes(b"")

    def refuse(*arguments: Any, **settings: Any) -> None:
        raise PermissionError(13, "Permission denied", name)

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(DataFailed) as caught:
        open_data(name)
    monkeypatch.undo()
    assert f"{name} cannot be read: Permission denied" in str(caught.value)


# -------------------------------------------------------------------------------------------------------------- tables


def test_csv_columns_are_fields_or_make_some(folder: Path) -> None:
    (folder / "f.csv").write_text("long,wide,kind,ok\n1.5,2,rose,true\n\n2.5,3,aster,false\n", encoding="utf-8-sig")
    data = opened("f.csv")
    assert {n: a.tolist() for n, a in data.fields.items()} == {
        "long": [1.5, 2.5],
        "wide": [2, 3],
        "kind": [1, 0],
        "ok": [True, False],
    }
    assert data.classes == {"kind": ("aster", "rose")} and data["wide"].dtype == np.int64 and data["ok"].dtype == bool
    data = opened("f.csv:x=*,label=kind,y=ok")
    assert data["x"].tolist() == [[1.5, 2.0], [2.5, 3.0]] and data["label"].tolist() == [1, 0]
    assert opened("f.csv:x=wide+long")["x"].tolist() == [[2, 1.5], [3, 2.5]]
    assert data.place(1) == 4  # its line


def test_csv_without_a_heading_and_with_other_separators(folder: Path) -> None:
    (folder / "f.csv").write_text("1;2\n3;4\n")
    assert opened("f.csv:sep=semicolon")["c1"].tolist() == opened("f.csv")["c1"].tolist() == [2, 4]
    (folder / "f.tsv").write_text("1\t2\n3\t4\n")
    assert opened("f.tsv:header=true").fields.keys() == {"1", "2"}
    (folder / "q.csv").write_text('a,b\n"x, y",1\n"two\nlines",2\nz,3\n')
    data = opened("q.csv")
    assert data.classes["a"] == ("two\nlines", "x, y", "z") and [data.place(i) for i in range(3)] == [2, 3, 5]


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", "DAT007", "no rows"),
        ("a,b\n", "DAT007", "a heading, and no rows"),
        ("a,b\n1,2\n3\n", "DAT002", "line 3 of f.csv has 1 cells, and line 1 has 2"),
        ("a,b\n1,2\n3,4,5\n", "DAT002", "line 3 of f.csv has 3 cells"),
        ("a,a\n1,2\n", "DAT002", "two columns `a`"),
        ('a,b\n1,"2\n3,4\n', "DAT002", "line 2 of f.csv is no line of a table"),
        (b"a,b\n1,\xff\n", "DAT002", "not UTF-8"),
    ],
)
def test_a_bad_csv(folder: Path, text: str | bytes, code: str, said: str) -> None:
    (folder / "f.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    id, message = refused("f.csv")
    assert (id, said in message) == (code, True), message


def test_columns_that_are_not_there(folder: Path) -> None:
    (folder / "f.csv").write_text("long,kind\n1.5,rose\n")
    assert "did you mean `long`?" in refused("f.csv:x=lon")[1]
    assert refused("f.csv:x=long+kind")[0] == "DAT005"
    (folder / "g.csv").write_text("kind\nrose\n")
    assert refused("g.csv:x=*")[0] == "DAT003"


def test_parquet(folder: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pa.table({"v": [[1.0, 2.0], [3.0, 4.0]], "n": [1, None], "kind": ["b", "a"], "ok": [True, False]})
    parquet.write_table(table, "f.parquet")
    data = opened("f.parquet")
    assert data["v"].tolist() == [[1, 2], [3, 4]] and np.isnan(data["n"][1]) and data["kind"].tolist() == [1, 0]
    assert data["ok"].dtype == bool
    (folder / "cut.parquet").write_bytes((folder / "f.parquet").read_bytes()[:100])
    assert refused("cut.parquet")[0] == "DAT002"
    parquet.write_table(pa.table({"v": [[1.0], [1.0, 2.0]]}), "ragged.parquet")
    assert refused("ragged.parquet")[0] == "DAT005"
    parquet.write_table(pa.table({"v": pa.array([], pa.float64())}), "none.parquet")
    assert refused("none.parquet")[0] == "DAT007"


def test_parquet_without_pyarrow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (folder / "f.parquet").write_bytes(b"PAR1")
    code, message = refused("f.parquet")
    assert code == "DAT010" and "pip install 'fanin[data]'" in message


# -------------------------------------------------------------------------------------------------------------- images


def paint(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (6, 4)) -> None:
    image = pytest.importorskip("PIL.Image")
    path.parent.mkdir(parents=True, exist_ok=True)
    image.new("RGB", size, colour).save(path)


def test_a_folder_of_images(folder: Path) -> None:
    paint(folder / "set" / "b" / "0.png", (255, 0, 51))
    paint(folder / "set" / "a" / "1.png", (0, 0, 0))
    (folder / "set" / "a" / "notes.txt").write_text("no image")
    data = opened("set")
    assert shapes(data) == {"image": (2, 3, 4, 6), "label": (2,)} and data.classes["label"] == ("a", "b")
    batch = next(iter(Batches(data, 2, shuffle=False)))
    torch.testing.assert_close(batch["image"][1, :, 0, 0], torch.tensor([1.0, 0.0, 0.2]))
    assert shapes(opened("set:channels=1,size=3"))["image"] == (2, 1, 3, 3)


def test_parts_and_classes_of_folders(folder: Path) -> None:
    for part in ("train", "test"):
        paint(folder / "set" / part / "a" / "0.png", (0, 0, 0))
    data = opened("set")
    assert len(data) == 1 and len(data.parts["test"]) == 1
    paint(folder / "set" / "test" / "new" / "0.png", (0, 0, 0))
    assert refused("set")[0] == "DAT002"


def test_bad_folders_of_images(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "none").mkdir()
    assert refused("none")[0] == "DAT007"
    paint(folder / "set" / "a" / "0.png", (0, 0, 0))
    paint(folder / "set" / "a" / "1.png", (0, 0, 0), (5, 5))
    code, message = refused("set")
    assert code == "DAT004" and "`:size=4` brings them to one size" in message
    whole = (folder / "set" / "a" / "0.png").read_bytes()
    (folder / "set" / "a" / "1.png").write_bytes(whole[:-30])
    code, message = refused("set")
    assert code == "DAT002" and "1.png" in message
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert refused("set")[0] == "DAT010"


def test_many_images_are_read_batch_by_batch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(5):
        paint(folder / "set" / "a" / f"{i}.png", (i, 0, 0))
    inside = dict(enumerate(Batches(opened("set"), 2, seed=1)))
    monkeypatch.setattr("fanin.data.sources.folders._IN_MEMORY", 10)
    for workers in (0, 1):
        for n, batch in enumerate(Batches(opened("set"), 2, seed=1, workers=workers)):
            torch.testing.assert_close(batch["image"], inside[n]["image"])
            assert batch["label"].tolist() == inside[n]["label"].tolist()


# ------------------------------------------------------------------------------------------------- Python of the user's

HOOK = """
import numpy as np
def make(n=3, kind="a"): return {"x": np.full((n, 2), 1.5), "kind": np.array([kind] * n)}
def broken(): return {}["no such key"]
def rows():
    for i in range(5): yield {"x": np.array([i, i])}
value = {"x": np.ones(2)}
nothing = 3
"""


def test_a_callable_by_its_name(folder: Path) -> None:
    (folder / "my_hook.py").write_text(HOOK)
    assert shapes(opened("my_hook:make")) == {"x": (3, 2), "kind": (3,)}
    assert opened("my_hook:make:n=5,kind=b").classes["kind"] == ("b",)
    assert len(opened("my_hook:make:n=5:2")) == 2
    assert shapes(opened("my_hook:value")) == {"x": (2,)}
    code, message = refused("my_hook:broken")
    assert code == "DAT011" and "KeyError: 'no such key'" in message and "my_hook.py:4, in broken" in message
    assert refused("my_hook:make:m=5")[0] == "DAT011"
    assert refused("os:getcwd")[0] == "DAT011"
    assert refused("my_hook:nothing")[0] == "DAT011"
    assert refused("my_hook:mak")[0] == "DAT001"
    (folder / "my_bad_hook.py").write_text("import no_such_package\n")
    code, message = refused("my_bad_hook:make")
    assert code == "DAT011" and "no_such_package" in message


def test_arrays_tensors_and_pairs() -> None:
    assert shapes(opened({"x": torch.ones(3, 2), "y": [1, 2, 3]})) == {"x": (3, 2), "y": (3,)}
    assert shapes(opened((np.ones((3, 2)), np.ones(3)))) == {"x": (3, 2), "y": (3,)}
    assert shapes(opened((np.ones((3, 2)), np.ones(3)), names=("image", "label"))) == {"image": (3, 2), "label": (3,)}
    dataset = torch.utils.data.TensorDataset(torch.ones(3, 2), torch.ones(3))
    assert shapes(opened(dataset)) == {"x": (3, 2), "y": (3,)}
    assert refused({"x": [[1], [1, 2]]})[0] == "DAT011"
    assert refused({"x": 3.0})[0] == "DAT011"
    assert refused({})[0] == "DAT007"
    assert refused(3)[0] == "DAT011"


class Noisy(torch.utils.data.Dataset[Any]):
    """Random in all three ways, as an augmentation is."""

    def __len__(self) -> int:
        return 11

    def __getitem__(self, row: int) -> Any:
        import random

        noise = [torch.rand(()).item(), random.random(), np.random.rand()]
        return {"x": torch.tensor([row, *noise]), "label": row % 3, "name": f"{row}.png"}


def test_a_dataset_with_random_samples_resumes_bit_for_bit() -> None:
    data = opened(Noisy())
    assert shapes(data) == {"x": (11, 4), "label": (11,)}
    first = Batches(data, 3, seed=1)
    whole = [b["x"] for _ in range(2) for b in first]
    assert not torch.equal(torch.cat(whole[:4])[:, 1:].sort(0)[0], torch.cat(whole[4:])[:, 1:].sort(0)[0])
    for stop in range(1, 8):
        batches, seen = Batches(data, 3, seed=1), []
        while len(seen) < stop:
            for b in batches:
                seen.append(b["x"])
                if len(seen) == stop:
                    break
        state = json.loads(json.dumps(batches.state()))
        torch.rand(5), np.random.rand(3)
        batches = Batches(data, 3, seed=1, workers=stop % 2)
        batches.resume(state)
        while len(seen) < 8:
            seen += [b["x"] for b in batches]
        assert all(torch.equal(a, b) for a, b in zip(whole, seen, strict=True))


def test_classes_that_are_not_in_memory_are_not_split_by() -> None:
    data = opened(Noisy())
    assert len(data.split(test=3)["test"]) == 3
    for ask in (lambda: data.split(test=3, stratify="label"), lambda: Batches(data, 3, stratify="label")):
        with pytest.raises(DataFailed):
            ask()


def test_the_generators_of_the_run_are_left_alone() -> None:
    batches = Batches(opened(Noisy()), 3, seed=1)
    torch.manual_seed(7)
    wanted = torch.rand(2)
    torch.manual_seed(7)
    list(batches)
    assert torch.equal(torch.rand(2), wanted)


def test_rows_that_differ_are_named() -> None:
    rows = [{"x": np.ones(3)}, {"x": np.ones(3)}, {"x": np.ones(4)}]
    with pytest.raises(DataFailed, match=r"`x` is \[4\] in row 2 of list, and \[3\] in row 0"):
        list(Batches(opened(rows), 1))
    with pytest.raises(DataFailed, match="not finite in row 1"):
        list(Batches(opened([{"x": np.ones(1)}, {"x": np.full(1, np.nan)}]), 2))
    with pytest.raises(DataFailed, match="row 1 of list has no `x`"):
        list(Batches(opened([{"x": np.ones(1)}, {"y": np.ones(1)}]), 2))


def test_a_dataset_that_fails_is_told_from_any_process() -> None:
    class Failing(Noisy):
        def __getitem__(self, row: int) -> Any:
            if row == 5:
                raise OSError("the disk is gone")
            return super().__getitem__(row)

    for workers in (0, 2):
        with pytest.raises(DataFailed) as caught:
            list(Batches(opened(Failing()), 3, seed=1, workers=workers))
        (found,) = caught.value.report.diagnostics
        assert found.code.id == "DAT011" and "Failing[5]" in found.headline and "the disk is gone" in found.notes[0]
        assert "test_sources.py" in found.notes[1]


# ------------------------------------------------------------------------------------------------------------- streams


class Counted:
    """An iterable that says its place."""

    def __init__(self) -> None:
        self.at, self.read = 0, 0

    def __iter__(self) -> Any:
        while self.at < 7:
            self.at += 1
            self.read += 1
            yield {"x": np.array([self.at])}
        self.at = 0

    def state_dict(self) -> dict[str, int]:
        return {"at": self.at}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.at = state["at"]


def endless() -> Any:
    row = 0
    while True:
        yield {"x": np.array([row, torch.randint(1000, ()).item()])}
        row += 1


def test_a_stream_resumes_where_it_was() -> None:
    def take(loader: Any, count: int) -> list[Any]:
        found = []
        while len(found) < count:
            for b in loader:
                found.append(b["x"].tolist())
                if len(found) == count:
                    break
        return found

    for source in (endless, lambda: [{"x": np.array([i])} for i in range(7)]):
        data = open_data(source)
        assert isinstance(data, Stream)
        wanted = take(batches(data, 2, seed=3), 7)
        loader = batches(data, 2, seed=3)
        seen = take(loader, 3)
        state = json.loads(json.dumps(loader.state()))
        loader = batches(open_data(source), 2, seed=3)
        loader.resume(state)
        assert seen + take(loader, 4) == wanted


def test_a_stream_that_says_its_place_is_not_gone_through_again() -> None:
    def loader(source: Counted) -> Any:
        return batches(open_data(lambda: source), 2)

    first = loader(Counted())
    for b in first:
        if b["x"].tolist() == [[3], [4]]:
            break
    state = json.loads(json.dumps(first.state()))
    source = Counted()
    second = loader(source)
    source.at = source.read = 0
    second.resume(state)
    assert [b["x"].flatten().tolist() for b in second] == [[5, 6], [7]] and source.read == 3


def test_the_first_rows_of_a_stream_are_held_out() -> None:
    def rows() -> Any:
        return ({"x": np.array([float(i)])} for i in range(20))

    parts = open_data(rows).split(val=3, test=2)
    assert {part: own["x"].flatten().tolist() for part, own in parts.items() if part != "train"} == {
        "test": [0.0, 1.0],
        "val": [2.0, 3.0, 4.0],
    }
    loader = batches(parts["train"], 4)
    for _ in range(2):  # each pass begins behind them
        found = [b["x"].flatten().tolist() for b in loader]
        assert found == [[5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16], [17, 18, 19]]
    for number, _ in enumerate(loader):
        if number == 1:
            state = json.loads(json.dumps(loader.state()))
            break
    again = batches(open_data(rows).split(val=3, test=2)["train"], 4)
    again.resume(state)
    assert [b["x"].flatten().tolist() for b in again] == [[13, 14, 15, 16], [17, 18, 19]]


def test_a_stream_that_says_its_place_leaves_out_what_is_held_out_once() -> None:
    source = Counted()
    train = open_data(lambda: source).split(test=2)["train"]
    assert source.at == 0
    first = batches(train, 2)
    for b in first:
        if b["x"].tolist() == [[3], [4]]:
            break
    state = json.loads(json.dumps(first.state()))
    source.at = source.read = 0
    second = batches(train, 2)
    second.resume(state)
    assert [b["x"].flatten().tolist() for b in second] == [[5, 6], [7]] and source.read == 3


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"test": 0.1}, "`test=100`"),
        ({"val": 0.25}, "`val=250`"),
        ({"val": 2.5}, "no share of it"),
        ({"val": -1}, "no share of it"),
        ({"test": True}, "no share of it"),
        ({"val": 2, "stratify": "x"}, "can't be stratified"),
    ],
)
def test_what_is_no_number_of_rows_of_a_stream(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(DataFailed) as failed:
        open_data(endless).split(**settings)
    assert said in str(failed.value)


def test_a_stream_with_fewer_rows_than_are_held_out() -> None:
    with pytest.raises(DataFailed, match="gives 5 rows, and 5 are held out"):
        open_data(lambda: ({"x": np.ones(1)} for _ in range(5))).split(val=3, test=2)


def test_pictures_of_arrays_are_changed_too() -> None:
    pictures = np.random.default_rng(0).random((12, 1, 8, 8), dtype=np.float32)
    data = open_data({"image": pictures, "label": np.arange(12)}, augment="shift2+flip")
    assert isinstance(data, Data)
    assert [(c.name, c.amount) for c in data.augment["image"]] == [("shift", 2.0), ("flip", 0.5)]
    (batch,) = Batches(data, 12, shuffle=False)
    assert not torch.equal(batch["image"], torch.from_numpy(pictures))
    both = open_data({"image": pictures}, views=True)
    assert isinstance(both, Data)
    assert set(both.fields) == {"image", "one", "two"}
    assert open_data(data, views=True).views == {"one", "two"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [
        ({"x": np.ones((4, 2))}, {"augment": "shift"}, "no pictures of floats"),
        ({"image": np.ones((4, 1, 8, 8))}, {"augment": "shfit"}, "did you mean `shift`"),
        ({"image": np.ones((4, 1, 8, 8))}, {"flat": True}, "no option `flat`"),
        (endless, {"augment": "flip"}, "is a stream"),
    ],
)
def test_options_that_an_object_does_not_take(source: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(DataFailed) as failed:
        open_data(source, **options)
    assert said in str(failed.value)


def test_what_a_stream_cannot_do(folder: Path) -> None:
    assert refused(iter([{"x": np.ones(1)}]))[0] == "DAT011"
    assert refused(lambda: iter([]))[0] == "DAT007"
    stream = open_data(endless)
    assert stream.split() == {"train": stream}
    for ask in (
        lambda: stream.split(test=0.1),
        lambda: batches(stream, None),
        lambda: batches(stream, 2, stratify="x"),
    ):
        with pytest.raises(DataFailed):
            ask()
    (folder / "my_hook_rows.py").write_text(HOOK)
    rows = batches(open_data("my_hook_rows:rows"), 4)
    assert [[len(b["x"]) for b in rows] for _ in range(2)] == [[4, 1], [4, 1]]
