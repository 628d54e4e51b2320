/** What the operator does under each mutation of the simulator, by its name: the third column of docs/fidelity.md. */

const LENIENT = "a field that is missing or null is not shown and not compared";
const UNREADABLE =
  "the field is left out, named in the message of Synced and counted; the item stays readable";
const WRITTEN =
  "what the API writes otherwise than it was sent is no drift, once that has been read twice with nobody between";
const LAG =
  'within the window of "surely none": nothing is made twice, and nothing that is there counts as gone';
const ANSWER =
  "an answer without the fields that are needed proves nothing: the create is searched for by its name, all else is read again";
const BY_ID = "reads the deployment by id before it acts on a spec that a list does not show";
const FORM = "tells the forms apart by what is there (`resources.ports`, `port`), never by the label";
const PAGES = "follows the cursor to the end; an item counts once, and absence needs two complete lists";
const SKIPPED = "the item is skipped and counted; a list with one proves no absence";
const SIZE =
  "half the limit after a page of more than 16 MiB, or of 4 MiB of what is read, down to one item of 16 MiB at most";

export const OPERATOR_UNDER_MUTATION: Readonly<Record<string, string>> = {
  "optional-dropped": LENIENT,
  "nullable-null": LENIENT,
  "unknown-fields": "not read",
  "unknown-states": "an unknown state is transitional: shown, waited for, and acted on by nothing",
  "unknown-events": "shown; decides nothing",
  "numbers-as-text": UNREADABLE,
  "text-as-numbers": UNREADABLE,
  "settings-as-text": "a setting that cannot be read is not compared: Synced is Unknown (`Unreadable`)",
  "date-of-deletion-empty-object": "only a text is a date",
  "accelerator-without-name": UNREADABLE,
  "arrays-reordered": "compared without order where order has no meaning",
  "odd-neighbour": "what is another's is read only as far as id and name",
  "image-tagged": WRITTEN,
  "image-with-registry": WRITTEN,
  "values-trimmed": WRITTEN,
  "names-lower-case": WRITTEN,
  "paths-with-slash": WRITTEN,
  "paths-without-slash": WRITTEN,
  "weekly-as-week": WRITTEN,
  "floats-of-32-bits": "no drift: numbers are compared within the precision of 32 bits",
  "region-and-registry-filled-in": "what the spec does not declare is not compared",
  "registry-named": "what the spec does not declare is not compared",
  "basic-auth-key-hidden": "a key that is not shown is not compared",
  "labelled-latest": FORM,
  "old-form-labelled-latest": FORM,
  unlabelled: FORM,
  "latest-spec-missing-in-lists": BY_ID,
  "latest-spec-null-in-lists": BY_ID,
  "data-null-in-lists": BY_ID,
  "lists-lag-20s": LAG,
  "lists-lag-60s": LAG,
  "lists-lag-150s": LAG,
  "lists-lag-300s":
    "past that window at the default flags: a second machine may be made after a lost answer; with `--attempt-settle 6m` it is not",
  "reads-lag-20s": LAG,
  "reads-lag-60s": LAG,
  "reads-lag-150s": LAG,
  "lists-miss-one-of-two": "absence needs more than one complete list, and a 404 by id",
  "pages-small": PAGES,
  "pages-repeat": PAGES,
  "pages-lose": PAGES,
  "pages-endless":
    "the list fails after 500 pages, or twice what the quota needs: nothing is concluded from absence, and the condition says so",
  "writes-answer-null": ANSWER,
  "writes-answer-empty-text": ANSWER,
  "writes-answer-empty-object": ANSWER,
  "writes-answer-empty-list": ANSWER,
  "writes-answer-ok": ANSWER,
  "writes-answer-nothing": ANSWER,
  "writes-answer-bare":
    "a bare machine is read as one; without an event the state counts after `--resend-after`",
  "writes-answer-without-event": "without an event the state counts after `--resend-after`",
  "settings-lag-5s": "what is read older than the answer of the update is no drift",
  "errors-without-code": "the status stands for the code",
  "trailing-slash-unknown": "sends no trailing slash",
  "broken-item": SKIPPED,
  "null-item": SKIPPED,
  "items-of-1-mib": SIZE,
  "items-of-12-mib": SIZE,
  "large-neighbours": SIZE,
};
