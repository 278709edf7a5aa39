"""Looking over an annotated folder before training. Nothing is changed, and no problem ends it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from .check_classes import check_classes, other_files
from .check_masks import check_class_pixels, check_mask_use
from .check_pair import PairFacts, check_pair
from .check_volumes import check_volumes
from .classes import FolderClasses, read_classes
from .duplicates import look_alikes
from .findings import CheckReport, Finding, Severity
from .folder import Dataset
from .listing import Listing, list_pairs
from .mask_options import MaskOptions
from .mask_use import MaskUse

__all__ = ["CheckReport", "Finding", "Severity", "check"]

_ORDER = list(Severity)


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
    if isinstance(dataset, Dataset):
        listing, axes = Listing(dataset.root, dataset.records), dataset.axes
        classes = FolderClasses(dataset.class_names, dataset.classes)
    else:
        listing = list_pairs(dataset)
        classes = read_classes(listing)
    findings = [*_check_listing(listing), *other_files(listing, classes)]
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
    findings += [*_check_uniform(facts), *check_volumes(facts, receptive_fields)]
    findings += [*_check_copies(facts), *_check_look_alikes(facts)]
    findings += check_classes(classes, facts)
    if use.classes is not None:
        findings += check_class_pixels(facts, use.classes)
    n_objects = sum(f.n_objects for f in facts)
    if use.kind == "instances" and facts and all(f.mask_hash for f in facts) and not n_objects:
        what = "no objects in any mask"
        findings.append(Finding(Severity.ERROR, None, what, "annotate at least some images"))
    findings.sort(key=lambda f: (_ORDER.index(f.severity), str(f.file or "")))
    return CheckReport(
        listing.root,
        len(listing.records),
        n_objects,
        tuple(findings),
        masks=f"{use.kind}: {use.why}" if use.why else "",
        class_names=use.classes.class_names if use.classes else (),
        masks_open=masks_open,
    )


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


def _check_uniform(facts: Sequence[PairFacts]) -> Iterator[Finding]:
    """Images that differ in kind from most others."""
    read = [f for f in facts if f.image_hash]
    for value, noun, severity, remedy in (
        ("channels", "channels", Severity.ERROR, "train on images with the same channels only"),
        ("axes", "axes", Severity.WARNING, "export all images alike, or name the axes"),
        ("dtype", "dtype", Severity.WARNING, "export all images alike; intensities may not compare"),
    ):
        common = Counter(getattr(f, value) for f in read).most_common(1)
        for fact in read:
            mine, usual = getattr(fact, value), common[0][0]
            if mine != usual:
                what = f"{noun}: {mine}, where most images have {usual}"
                if value == "axes" and ("Z" in mine) != ("Z" in usual):
                    apart = "keep images and volumes in folders of their own"
                    yield Finding(Severity.ERROR, fact.record.image_path, what, apart)
                else:
                    yield Finding(severity, fact.record.image_path, what, remedy)


def _check_copies(facts: Sequence[PairFacts]) -> Iterator[Finding]:
    """Images whose pixels are those of an earlier one."""
    first: dict[str, PairFacts] = {}
    for fact in facts:
        if fact.image_hash is None:
            continue
        original = first.setdefault(fact.image_hash, fact)
        if original is fact:
            continue
        other = original.record.image_path
        if original.record.split != fact.record.split:
            what = f"the same image as {other.name} in {original.record.split}/"
            remedy = "keep it on one side: scores on images that were trained on say nothing"
            yield Finding(Severity.WARNING, fact.record.image_path, what, remedy)
        elif original.mask_hash != fact.mask_hash:
            what = f"the same image as {other.name}, with another mask"
            yield Finding(Severity.WARNING, fact.record.image_path, what, "keep the better of the two")
        else:
            what = f"the same image and mask as {other.name}"
            yield Finding(Severity.NOTE, fact.record.image_path, what, "remove it; it counts twice")


def _check_look_alikes(facts: Sequence[PairFacts]) -> Iterator[Finding]:
    """Images of different parts that show nearly the same."""
    read = [f for f in facts if f.thumbnail is not None]
    if len({f.record.split for f in read}) < 2:
        return
    pairs = look_alikes([f.thumbnail for f in read if f.thumbnail is not None])
    for first, second in ((read[i], read[j]) for i, j in pairs):
        if first.record.split != second.record.split and first.image_hash != second.image_hash:
            what = f"nearly the same image as {first.record.image_path.name} in {first.record.split}/"
            remedy = "keep crops, time points and slices of one specimen on one side"
            yield Finding(Severity.WARNING, second.record.image_path, what, remedy)
