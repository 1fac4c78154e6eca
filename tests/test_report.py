"""Grids, contact sheets and pages."""

from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from jaximg import io, report


def picture(height: int, width: int, channels: int = 3, value: float = 0.5) -> np.ndarray:
    return np.full((height, width, channels), value, np.float32)


def test_a_grid_keeps_every_pixel_and_centres_smaller_pictures():
    out = report.grid([picture(6, 8, value=0.25), picture(2, 4, value=0.75)], columns=2, gap=2)
    assert out.shape == (6, 18, 3)
    assert (out[:, :8] == 0.25).all()
    assert (out[2:4, 12:16] == 0.75).all()
    assert (out == 0.75).sum() == 2 * 4 * 3


def test_a_grid_of_five_has_three_columns_and_two_rows():
    assert report.grid([picture(4, 4)] * 5, gap=0).shape == (8, 12, 3)


def test_a_grid_of_grey_pictures_stays_grey_and_turns_rgb_with_one_coloured():
    assert report.grid([picture(4, 4, 1)] * 2).shape[2] == 1
    assert report.grid([picture(4, 4, 1), picture(4, 4, 3)]).shape[2] == 3


@pytest.mark.parametrize(("count", "columns"), [(0, None), (2, 0)])
def test_an_empty_grid_is_refused(count, columns):
    with pytest.raises(ValueError, match="at least"):
        report.grid([picture(4, 4)] * count, columns=columns)


def test_a_page_on_a_run_holds_its_curves_and_pictures_and_escapes_what_it_tells(tmp_path):
    report.save(tmp_path / "a.png", picture(4, 4))
    curves = {"loss <d>": [(0, 2.0), (1, float("nan")), (2, 1.0)], "nothing": []}
    html = report.run_page("run", "a & b", curves, {"at 3": tmp_path / "a.png"}, settings={"data": "<x>"})
    assert html.count("<polyline") == 2
    assert "nan" not in html
    assert "data:image/png;base64," in html
    assert all(escaped in html for escaped in ("loss &lt;d&gt;", "a &amp; b", "&lt;x&gt;"))
    assert "http" not in html


@pytest.mark.parametrize("count", [2, 399, 401, 801, 5000])
def test_a_curve_of_many_points_comes_to_its_end(count):
    drawn = report.curve("x", [(i, float(i)) for i in range(count)] + [(count, float("nan"))])
    assert f"0 to {count - 1}, at last {count - 1}<" in drawn
    assert 2 <= drawn.split('points="')[1].split('"')[0].count(",") <= 801


def test_a_label_is_dark_on_white_below_the_picture():
    out = report.label(picture(10, 60), "Ag")
    assert (out[:10] == 0.5).all()
    assert out[10:].min() < 0.3
    assert out[10:].max() == 1


def test_a_contact_sheet_shrinks_large_pictures_and_leaves_small_ones():
    sheet = report.contact_sheet([picture(100, 50), picture(20, 20, value=0.0)], ["large", "small"], columns=2, cell=40)
    assert sheet.shape == (40 + report.CAPTION, 2 * 20 + 8, 3)
    assert (sheet == 0.0).sum() >= 20 * 20 * 3


def test_a_contact_sheet_wants_a_name_for_each():
    with pytest.raises(ValueError, match="zip"):
        report.contact_sheet([picture(4, 4)], [])


def test_transparent_pixels_show_the_white_page():
    alpha = np.array([[[0.0], [1.0]]], np.float32)
    assert io.Picture(picture(1, 2, value=0.25), alpha).on_white[0, :, 0].tolist() == [1.0, 0.25]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_saved_picture_is_clipped_and_rounded(tmp_path, channels):
    values = np.array([[-0.5, 0.0, 100.4 / 255, 1.0, 1.5]], np.float32)
    report.save(tmp_path / "x.png", np.repeat(values[:, :, None], channels, 2))
    read = np.asarray(Image.open(tmp_path / "x.png")).reshape(1, 5, channels)
    assert read[0, :, 0].tolist() == [0, 0, 100, 255, 255]


class Page(HTMLParser):
    """Collects what a page refers to and checks that its tags match."""

    VOID = ("meta", "img", "input", "br")

    def __init__(self, html: str):
        super().__init__()
        self.open, self.sources, self.text = [], [], ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_a_page_is_whole_and_refers_to_its_own_files_alone():
    comparison = report.Comparison("Noise", "a.png", "b.png", notes=["x < y"], links={"truth": "t.png"}, size=(4, 5))
    html = report.page("Title", "Lead", [comparison], head=["what", "dB"], rows=[["noise", "30.1"]])
    page = Page(html)
    assert page.sources == ["a.png", "b.png", "t.png"]
    assert "30.1" in page.text
    assert "x < y" in page.text
    assert "http" not in html


def test_text_cannot_break_out_of_the_page():
    evil = "<script>alert('\"')</script>"
    comparison = report.Comparison(evil, evil, evil, (evil, evil), None, evil, [evil], {evil: evil})
    html = report.page(evil, evil, [comparison], head=[evil], rows=[[evil]])
    assert "<script" not in html
    Page(html)
