#include "sdk/sdk_progress.h"

#include <stdlib.h>

#define METADATA_TAG "odk1"
/** "-9223372036854775808," and its neighbours. */
#define METADATA_WORD_MAX 44

int
sdk_progress_init(struct sdk_progress *progress, size_t window)
{
    odk_assert(window > 0);
    *progress = (struct sdk_progress){.next = -1, .window = window};
    progress->ring_len = 2 * window;
    progress->ring = calloc(progress->ring_len, sizeof(*progress->ring));
    return progress->ring ? 0 : ODK_ELIMIT;
}

void
sdk_progress_release(struct sdk_progress *progress)
{
    free(progress->ring);
    *progress = (struct sdk_progress){.next = -1};
}

/** The i-th taken record from next on. */
static struct sdk_slot *
slot_at(const struct sdk_progress *progress, size_t i)
{
    odk_assert(i < progress->count);
    return &progress->ring[(progress->head + i) % progress->ring_len];
}

/** Index of the mark of shard, or marks->n. */
static size_t
marks_find(const struct sdk_marks *marks, int32_t shard)
{
    for (size_t i = 0; i < marks->n; i++) {
        if (marks->of[i].shard == shard) {
            return i;
        }
    }
    return marks->n;
}

static bool
marks_cover(const struct sdk_marks *marks, struct sdk_mark mark)
{
    size_t i = marks_find(marks, mark.shard);

    return i < marks->n && mark.seq <= marks->of[i].seq;
}

/** Raises the shard's mark and moves it to the front; the last one makes room
 * when there are too many. */
static void
marks_raise(struct sdk_marks *marks, struct sdk_mark mark)
{
    size_t i = marks_find(marks, mark.shard);

    if (mark.shard < 0 || (i < marks->n && mark.seq <= marks->of[i].seq)) {
        return;
    }
    if (i == marks->n && i == SDK_MARKS_MAX) {
        i--;
    } else if (i == marks->n) {
        marks->n++;
    }
    memmove(&marks->of[1], &marks->of[0], i * sizeof(marks->of[0]));
    marks->of[0] = mark;
}

/** Whether a predecessor finished it. */
static bool
is_done(const struct sdk_progress *progress, int64_t offset)
{
    for (size_t i = 0; i < progress->n_done; i++) {
        if (offset >= progress->done[i].first &&
            offset <= progress->done[i].last) {
            return true;
        }
    }
    return false;
}

/** Drops the finished prefix. */
static void
advance(struct sdk_progress *progress)
{
    if (progress->count == 0 || !slot_at(progress, 0)->is_finished) {
        return;
    }
    while (progress->count > 0 && slot_at(progress, 0)->is_finished) {
        const struct sdk_slot *slot = slot_at(progress, 0);

        marks_raise(&progress->marks, slot->mark);
        progress->next = slot->offset + 1;
        progress->head = (progress->head + 1) % progress->ring_len;
        progress->count--;
    }
    odk_assert(progress->n_ranges > 0);
    progress->n_ranges--;
}

static void
finish_at(struct sdk_progress *progress, size_t i)
{
    bool left = i > 0 && slot_at(progress, i - 1)->is_finished;
    bool right =
        i + 1 < progress->count && slot_at(progress, i + 1)->is_finished;

    slot_at(progress, i)->is_finished = true;
    progress->n_ranges++;
    progress->n_ranges -= (size_t)left + (size_t)right;
    progress->is_changed = true;
    advance(progress);
}

enum sdk_verdict
sdk_progress_take(struct sdk_progress *progress, int64_t offset,
                  struct sdk_mark mark)
{
    odk_assert(offset >= 0);
    if (progress->next < 0) {
        progress->next = offset;
    }
    if (offset < progress->next ||
        (progress->count > 0 &&
         offset <= slot_at(progress, progress->count - 1)->offset)) {
        return SDK_REPEAT;
    }
    if (progress->count == progress->ring_len) {
        return SDK_FULL;
    }
    bool is_repeat = is_done(progress, offset) ||
                     (mark.shard >= 0 && marks_cover(&progress->polled, mark));

    progress->count++;
    *slot_at(progress, progress->count - 1) =
        (struct sdk_slot){.offset = offset, .mark = mark};
    marks_raise(&progress->polled, mark);
    if (is_repeat) {
        finish_at(progress, progress->count - 1);
    }
    return is_repeat ? SDK_REPEAT : SDK_TAKE;
}

void
sdk_progress_finish(struct sdk_progress *progress, int64_t offset)
{
    size_t low = 0;
    size_t high = progress->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (slot_at(progress, middle)->offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < progress->count && slot_at(progress, low)->offset == offset &&
        !slot_at(progress, low)->is_finished) {
        finish_at(progress, low);
    }
}

bool
sdk_progress_is_full(const struct sdk_progress *progress)
{
    return progress->count >= progress->window ||
           progress->n_ranges >= SDK_RANGES_MAX;
}

/** Appends the finished runs of the ring while there is room. */
static void
put_ranges(const struct sdk_progress *progress, struct odk_buf *out)
{
    const char *lead = " d=";

    for (size_t i = 0; i < progress->count; i++) {
        int64_t first = slot_at(progress, i)->offset - progress->next;

        if (!slot_at(progress, i)->is_finished) {
            continue;
        }
        while (i + 1 < progress->count &&
               slot_at(progress, i + 1)->is_finished) {
            i++;
        }
        if (out->len + METADATA_WORD_MAX > SDK_METADATA_MAX) {
            return;
        }
        int64_t last = slot_at(progress, i)->offset - progress->next;

        odk_buf_put_cstr(out, lead);
        odk_buf_put_i64(out, first);
        if (last > first) {
            odk_buf_put_char(out, '-');
            odk_buf_put_i64(out, last);
        }
        lead = ",";
    }
}

void
sdk_progress_commit(struct sdk_progress *progress, struct odk_buf *out)
{
    const char *lead = " w=";

    odk_buf_put_cstr(out, METADATA_TAG);
    for (size_t i = 0; i < progress->marks.n; i++) {
        odk_buf_put_cstr(out, lead);
        odk_buf_put_i64(out, progress->marks.of[i].shard);
        odk_buf_put_char(out, ':');
        odk_buf_put_u64(out, progress->marks.of[i].seq);
        lead = ",";
    }
    put_ranges(progress, out);
    odk_assert(out->len <= SDK_METADATA_MAX);
    progress->is_changed = false;
}

/** Cuts text at the first c: returns what stands before it, keeps the rest. */
static struct odk_str
cut(struct odk_str *text, char c)
{
    ptrdiff_t at = odk_str_find(*text, c);
    struct odk_str word = *text;

    if (at < 0) {
        *text = odk_str_from(*text, text->len);
        return word;
    }
    word.len = (size_t)at;
    *text = odk_str_from(*text, word.len + 1);
    return word;
}

static bool
read_marks(struct sdk_progress *progress, struct odk_str text)
{
    while (text.len > 0) {
        struct odk_str word = cut(&text, ',');
        struct odk_str shard = cut(&word, ':');
        int64_t number;
        uint64_t seq;

        if (!odk_str_to_i64(shard, &number) || number < 0 ||
            number > INT32_MAX || !odk_str_to_u64(word, &seq) ||
            progress->marks.n == SDK_MARKS_MAX) {
            return false;
        }
        progress->marks.of[progress->marks.n++] =
            (struct sdk_mark){.shard = (int32_t)number, .seq = seq};
    }
    return true;
}

static bool
read_ranges(struct sdk_progress *progress, struct odk_str text)
{
    while (text.len > 0) {
        struct odk_str word = cut(&text, ',');
        struct odk_str first = cut(&word, '-');
        struct sdk_range range;

        if (word.len == 0) {
            word = first;
        }
        if (!odk_str_to_i64(first, &range.first) ||
            !odk_str_to_i64(word, &range.last) || range.first < 0 ||
            range.last < range.first ||
            range.last > INT64_MAX - progress->next) {
            return false;
        }
        range.first += progress->next;
        range.last += progress->next;
        /* A successor with a smaller bound repeats the rest. */
        if (progress->n_done < SDK_RANGES_MAX) {
            progress->done[progress->n_done++] = range;
        }
    }
    return true;
}

static bool
read_metadata(struct sdk_progress *progress, struct odk_str text)
{
    if (!odk_str_is(cut(&text, ' '), METADATA_TAG)) {
        return false;
    }
    while (text.len > 0) {
        struct odk_str word = cut(&text, ' ');
        struct odk_str name = cut(&word, '=');
        bool is_ok = true;

        if (odk_str_is(name, "w")) {
            is_ok = read_marks(progress, word);
        } else if (odk_str_is(name, "d")) {
            is_ok = read_ranges(progress, word);
        }
        /* Other names are a later version's and may be passed over. */
        if (!is_ok) {
            return false;
        }
    }
    return true;
}

int
sdk_progress_restore(struct sdk_progress *progress, int64_t offset,
                     struct odk_str metadata)
{
    odk_assert(progress->count == 0);
    progress->next = offset < 0 ? -1 : offset;
    progress->marks.n = 0;
    progress->n_done = 0;
    progress->is_changed = false;
    if (offset >= 0 && metadata.len > 0 && !read_metadata(progress, metadata)) {
        progress->marks.n = 0;
        progress->n_done = 0;
        progress->polled = progress->marks;
        return ODK_ESYNTAX;
    }
    progress->polled = progress->marks;
    return 0;
}
