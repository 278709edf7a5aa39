"""Pascal VOC: what programs write, and that every slip is named with its object."""

from __future__ import annotations

from pathlib import Path

import pytest

from stellate.errors import InputError
from stellate.io.voc import read_voc

OBJECT = "<object><name>{name}</name><bndbox>{box}</bndbox></object>"
BOX = "<xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax>"


def xml(*objects: str, more: str = "") -> str:
    return f"<annotation><filename>a.jpg</filename>{more}{''.join(objects)}</annotation>"


def item(name: str = "cell", box: str = BOX) -> str:
    return OBJECT.format(name=name, box=box)


def refused(path: Path, content: str | bytes) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as error:
        read_voc(path)
    assert str(error.value).startswith(f"{path}: ")
    return str(error.value).removeprefix(f"{path}: ")


def test_parts_size_and_order_may_differ(tmp_path):
    turned = "<ymax>40.0</ymax><xmax> 30 </xmax><ymin>2</ymin><xmin>1</xmin>"
    parts = (
        "<object><part><name>hand</name><bndbox/></part><bndbox>{}</bndbox><name> T &amp; B </name></object>"
    )
    (tmp_path / "a.xml").write_text(xml(parts.format(turned), item(), more="<size><width>50</width></size>"))
    found = read_voc(tmp_path / "a.xml")
    assert found.names == ("T & B", "cell")
    assert found.boxes_xyxy.tolist() == [[0, 1, 30, 40], [0, 1, 3, 4]]
    assert found.size is None  # a height of which nothing is said


def test_an_image_without_objects_and_other_encodings(tmp_path):
    (tmp_path / "a.xml").write_text(xml())
    assert read_voc(tmp_path / "a.xml").boxes_xyxy.shape == (0, 4)
    text = "<?xml version='1.0' encoding='latin-1'?>" + xml(item("Zelle gr\u00f6\u00dfer"))
    (tmp_path / "b.xml").write_bytes(text.encode("latin-1"))
    assert read_voc(tmp_path / "b.xml").names == ("Zelle gr\u00f6\u00dfer",)


def test_counts_from_0_are_read_as_the_format_says(tmp_path):
    (tmp_path / "a.xml").write_text(xml(item(box=BOX.replace(">1<", ">0<"))))
    assert read_voc(tmp_path / "a.xml").boxes_xyxy.tolist() == [[-1, 1, 3, 4]]


def test_files_that_are_none(tmp_path):
    file = tmp_path / "a.xml"
    assert refused(file, xml(item())[:-20]).startswith("no whole XML (unclosed token")
    assert refused(file, "cells").startswith("no whole XML (syntax error")
    assert refused(file, "") == "no whole XML (no element found: line 1, column 0); export it again"
    assert "<html>, where <annotation> is expected; export as Pascal VOC" in refused(file, "<html/>")
    assert refused(file, b" " * (2**24 + 1)).startswith("16,777,217 bytes, where at most 16,777,216 are read")
    with pytest.raises(InputError, match=r"b\.xml: no such file"):
        read_voc(tmp_path / "b.xml")


def test_entities_are_not_expanded(tmp_path):
    bomb = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + xml(item("&b;"))
    assert refused(tmp_path / "a.xml", bomb).startswith("it declares a document type")
    (tmp_path / "secret.txt").write_text("secret")
    outside = f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{tmp_path}/secret.txt">]>' + xml(item("&x;"))
    assert refused(tmp_path / "a.xml", outside).startswith("it declares a document type")
    assert refused(tmp_path / "a.xml", outside.encode("utf-16")).startswith("it declares a document type")


@pytest.mark.parametrize("value", ["nan", "inf", "", "wide", "1_0", "1e999"])
def test_numbers_that_are_none(tmp_path, value):
    what = refused(tmp_path / "a.xml", xml(item(), item(box=BOX.replace(">3<", f">{value}<"))))
    assert what == f"object 2: xmax is {value!r}, where a finite number is expected; mend or remove it"


def test_objects_that_lack_something(tmp_path):
    assert refused(tmp_path / "a.xml", xml("<object><name>a</name></object>")).startswith(
        "object 1: no <bndbox>"
    )
    assert refused(tmp_path / "a.xml", xml(item(), item(" "))).startswith("object 2: no class; name it")
    assert "is no name of a class" in refused(tmp_path / "a.xml", xml(item("a" * 200)))


def test_real_data(shared_data):
    found = read_voc(shared_data / "bccd" / "Annotations" / "BloodImage_00000.xml")
    assert (found.file, found.size) == ("BloodImage_00000.jpg", (480, 640))
    assert (found.names[0], found.boxes_xyxy[0].tolist()) == ("WBC", [259, 176, 491, 376])
