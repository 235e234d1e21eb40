/* SPDX-License-Identifier: Apache-2.0 */
/* Kind "ssp.algorithm/0": what a run trains. */
#ifndef SSP_ALGORITHM_H
#define SSP_ALGORITHM_H

#include "ssp/call.h"
#include "ssp/sink.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One batch. OWNERSHIP: the host, for the call; the host never rewrites a buffer that is still held. */
typedef struct ssp_batch {
  uint32_t struct_size, n_views;
  const ssp_tensor* views; /* f32 [B, C, H, W], normalised; sizes may differ between views */
  int64_t size;            /* B */
  void* owner;             /* the host's: field reads it, in a copy of this struct too, while the call lasts */
  /* "sample_index" i64 [B], "label" i64 [B], and what the transforms set; view -1: not of one view.
   * Absent: SSP_OK with id 0. OWNERSHIP: the handle is the caller's. */
  ssp_status (*field)(const struct ssp_batch*, ssp_str name, int32_t view, ssp_tensor* out);
} ssp_batch;

/* Kinds of events; unknown ones are ignored. Grad and autocast are off. */
enum {
  SSP_EVENT_READY = 1, /* all values in place (info.origin says from where), before anything reads them */
  /* Before the sampler draws this epoch and a transform sees an image of it; collectives and long work allowed. Sent to
   * who has SSP_CAP_EPOCH_BEGIN. */
  SSP_EVENT_EPOCH_BEGIN = 2,
  SSP_EVENT_UPDATED = 3, /* after each optimizer step, before a save can happen; info.update counts it */
  SSP_EVENT_EPOCH_END = 4,
  SSP_EVENT_END = 5, /* the run's last: its metrics come after the last log line, and are in none */
  /* Between backward and optimizer, once an optimizer step: gradients are in place, reduced over ranks and unscaled,
   * not yet clipped. ops.gradient reads them. Sent to who has SSP_CAP_GRADIENTS. */
  SSP_EVENT_GRADIENTS = 6
};

typedef struct ssp_event {
  uint32_t struct_size, kind;
  /* Takes SSP_EMIT_METRIC, logged with the step that the event belongs to; of SSP_EVENT_READY not where the run is
   * resumed, and has logged its beginning. May be null. */
  const ssp_sink* metrics;
} ssp_event;

/* caps. The first two at once are refused. */
enum {
  /* A captured graph may replay the step, in which no code of the plugin runs: it keeps no state of its own per step,
   * makes no to_host and asks no info that changes, draws through ssp.rng, and takes schedules from call.progress. All
   * that a captured step reads (views, per-sample numbers, progress, fields) lies in buffers which the next step
   * overwrites: clone what is to be kept. */
  SSP_CAP_CAPTURABLE = 1,
  SSP_CAP_GRADIENTS = 2, /* wants SSP_EVENT_GRADIENTS */
  /* Wants SSP_EVENT_EPOCH_BEGIN: at the end of an epoch nothing is read ahead until the next one's event is over. */
  SSP_CAP_EPOCH_BEGIN = 4
};

/* scope of save_state and load_state. */
enum { SSP_STATE_SHARED = 0, SSP_STATE_RANK = 1 };

/* Any function but schema, create, destroy and training_step may be null; of save_state and load_state both or none.
 * THREAD: main. */
typedef struct ssp_algorithm {
  uint32_t struct_size, caps;
  /* The schema of the node `model`, JSON text. OWNERSHIP: the plugin, for ever. */
  ssp_str (*schema)(void);
  ssp_status (*create)(ssp_build*, ssp_component* out);
  void (*destroy)(ssp_component);
  /* Run-level defaults as one JSON object through sink.bytes: model, pipeline, optimizer, schedule that fit the facts.
   * Only config.fact answers here. */
  ssp_status (*defaults)(ssp_build*, const ssp_sink* json);
  /* Emits named scalars flagged LOSS or METRIC; losses are summed. The name "loss" is kept for the total unless it is
   * the only term. Names of the host's own numbers are refused: lr, time, data_time, eta, memory, grad_norm, epoch,
   * iter, step, and what begins with "probe/". */
  ssp_status (*training_step)(ssp_component, ssp_call*, const ssp_batch*, const ssp_sink* losses_and_metrics);
  /* Features f32 [B, C] of images [B, C, H, W], in eval mode, without gradients. Emits exactly the names in layers, or,
   * if n is 0, the one by which this algorithm is judged; a name that it does not know is SSP_E_CONFIG. */
  ssp_status (*features)(ssp_component, ssp_call*, ssp_tensor images, const ssp_str* layers, uint32_t n,
                         const ssp_sink* out);
  /* Emits images (SSP_EMIT_IMAGE), one name a column of the picture, in eval mode, without gradients. The batch is one
   * of the training pipeline: all views and fields, keyed as training is. */
  ssp_status (*reconstruct)(ssp_component, ssp_call*, const ssp_batch*, const ssp_sink* images);
  ssp_status (*on_event)(ssp_component, ssp_call*, const ssp_event*);
  /* State that is in no declared tensor. Nothing emitted: no state. */
  ssp_status (*save_state)(ssp_component, uint32_t scope, const ssp_sink* bytes);
  ssp_status (*load_state)(ssp_component, uint32_t scope, const void* data, uint64_t size);
  /* For export: emits pairs, the own name of a tensor relative to this component and its name in `format` ("timm",
   * "torchvision", "mmselfsup", …), for those that have one. A format that it does not know: nothing. */
  ssp_status (*names)(ssp_component, ssp_str format, const ssp_sink* pairs);
} ssp_algorithm;

#ifdef __cplusplus
}
#endif
#endif
