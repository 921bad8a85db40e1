#ifndef CODEC_SAMPLES_H
#define CODEC_SAMPLES_H

/* Full records for the tests of room `codec`. */

#include "codec/codec.h"

/** A history record with every field set, arrays too. */
struct codec_history_record codec_sample_history(void);

/** A start with every field set. */
struct codec_start_workflow codec_sample_start(void);

/** A failure of a task without its cause. */
struct codec_task_failed codec_sample_failed(void);

#endif
