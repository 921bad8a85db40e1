#ifndef RELAY_LETTER_H
#define RELAY_LETTER_H

/*
 * A foreign record that cannot become a command, as a dead letter: its bytes
 * and headers unchanged, then where it came from and what is wrong. One that is
 * too large for the topic of dead letters stays at its origin, and the letter
 * names the place, the size and the digest.
 */

#include "bus/bus.h"

/** What a letter is made of; all borrowed. */
struct relay_letter {
    const struct bus_message *message;
    struct odk_str binding;
    int32_t incarnation;
    struct odk_str topic; /**< of the message */
    struct odk_str code;
    struct odk_str text;
    size_t bytes_max; /**< of key, value and headers */
};

/** Fills key, value and headers of the record and takes no shard's number; the
 * memory is the arena's or the message's. */
void relay_letter_make(const struct relay_letter *letter,
                       struct odk_arena *arena, struct bus_record *out);

#endif
