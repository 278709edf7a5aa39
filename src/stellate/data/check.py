"""Looking over an annotated folder before training. Nothing is changed, and no problem ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from .check_classes import check_classes, other_files
from .check_images import check_copies, check_look_alikes, check_uniform
from .check_masks import check_class_pixels, check_mask_use
from .check_pair import PairFacts, check_pair
from .check_volumes import check_volumes
from .classes import FolderClasses, read_classes
from .findings import CheckReport, Finding, Severity, worst_first
from .folder import Dataset
from .layouts import Layout, layouts
from .listing import Listing, list_pairs
from .mask_options import MaskOptions
from .mask_use import MaskUse

__all__ = ["CheckReport", "Finding", "Severity", "check"]


def check(
    dataset: Dataset | str | Path,
    *,
    axes: str | None = None,
    receptive_fields: Mapping[int, Sequence[int]] | None = None,
    masks: MaskOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Look for everything that hinders training, or that makes its result worse or seem better than it is.

    Every image and mask is read once, one pair at a time.

    Parameters
    ----------
    dataset
        An annotated folder, or a dataset opened from one. Files without a partner are found in a folder only:
        a dataset with such files cannot be opened.
    axes
        Axes of the image files where they do not say so; a dataset knows its own.
    receptive_fields
        Sides in pixels of what the network sees at once, in the order of the mask's axes: for images by 2, for volumes
        by 3, or one of them. None to leave the size of objects unchecked.
    masks
        What is known of the masks; None to take them for labels of objects.
    progress
        Called with the pairs done and their number after each.

    Raises
    ------
    DataError
        If the folder is missing, or laid out differently.
    """
    others: list[Layout] = []
    if isinstance(dataset, Dataset):
        listing, axes = Listing(dataset.root, dataset.records), dataset.axes
        classes = FolderClasses(dataset.class_names, dataset.classes)
    else:
        listing = list_pairs(dataset)
        classes = read_classes(listing)
        others = [layout for layout in layouts(dataset) if layout.form != "masks"]
    findings = [*_check_listing(listing), *other_files(listing, classes), *_check_others(others)]
    use, masks_open = MaskUse("instances"), False
    if masks is not None:
        found_classes = dict(classes.by_mask)
        whole = Dataset(listing.root, listing.records, axes, classes.names, classes=found_classes)
        use, masks_open, found = check_mask_use(whole, masks)
        findings += found
    facts: list[PairFacts] = []
    for done, record in enumerate(listing.records, start=1):
        stated = classes.by_mask.get(record.mask_path)
        if use.kind == "classes" and use.classes is None:
            break  # what hinders it is said already
        fact, found = check_pair(
            record, axes, receptive_fields=receptive_fields, classes=stated, mask_classes=use.classes
        )
        facts.append(fact)
        findings += found
        if progress is not None:
            progress(done, len(listing.records))
    findings += [*check_uniform(facts), *check_volumes(facts, receptive_fields)]
    findings += [*check_copies(facts, annotation="mask"), *check_look_alikes(facts)]
    findings += check_classes(classes, facts)
    if use.classes is not None:
        findings += check_class_pixels(facts, use.classes)
    n_objects = sum(f.n_objects for f in facts)
    if use.kind == "instances" and facts and all(f.annotation_hash for f in facts) and not n_objects:
        what = "no objects in any mask"
        findings.append(Finding(Severity.ERROR, None, what, "annotate at least some images"))
    return CheckReport(
        listing.root,
        len(listing.records),
        n_objects,
        worst_first(findings),
        masks=f"{use.kind}: {use.why}" if use.why else "",
        class_names=use.classes.class_names if use.classes else (),
        masks_open=masks_open,
    )


def _check_others(others: Sequence[Layout]) -> Iterator[Finding]:
    """What else of the folder can be trained on, but by another name."""
    for layout in others:
        what = f"there is {layout} as well, which is not looked over here"
        remedy = (
            "to check that, name the file"
            if layout.file
            else "to check that, put it into a folder of its own"
        )
        yield Finding(Severity.NOTE, layout.file, what, remedy)


def _check_listing(listing: Listing) -> Iterator[Finding]:
    for file in listing.images_without_mask:
        remedy = "add the mask (an empty label image where there are no objects), or take the image out"
        yield Finding(Severity.ERROR, file, "no mask of the same name", remedy)
    for file in listing.masks_without_image:
        yield Finding(
            Severity.ERROR, file, "no image of the same name", "add the image, or take the mask out"
        )
    for file in listing.ambiguous:
        yield Finding(Severity.ERROR, file, "another file has the same name", "keep one of them")
    if not listing.records:
        remedy = "put images into images/ and label images of the same names into masks/"
        yield Finding(Severity.ERROR, None, "no pair of image and mask", remedy)
