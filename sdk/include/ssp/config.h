/* SPDX-License-Identifier: Apache-2.0 */
/* Extension "ssp.config/0": the component's own configuration, validated by its schema, and facts of the run. */
#ifndef SSP_CONFIG_H
#define SSP_CONFIG_H

#include "ssp/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SSP_EXT_CONFIG "ssp.config/0"

/* Inside create (and fact also inside defaults). THREAD: main.
 * OWNERSHIP: strings and lists in results are the host's, until the create or defaults in progress returns. */
typedef struct ssp_config {
  uint32_t struct_size, reserved;
  /* "neck.decoder_depth"; absent or null: SSP_V_NONE. A key that the component's schema does not have is
   * SSP_E_ARGUMENT. An array of one scalar type is INTS, DOUBLES or BOOLS (an int among doubles is a double); an
   * object, or another array, is SSP_V_STR with its JSON text. */
  ssp_status (*get)(ssp_build*, ssp_str dotted_key, ssp_value* out);
  /* The elements of the array at that key, of any type: "heads" of 3, then get "heads.0.dim"; absent or null: 0. Not an
   * array, or a key as above: an error. */
  ssp_status (*length)(ssp_build*, ssp_str dotted_key, uint64_t* out);
  /* The whole node as JSON text. */
  ssp_status (*json)(ssp_build*, ssp_str* out);
  /* dataset_length batch_size global_batch micros drop_last epoch_iters max_iters max_updates max_epochs world rank
   * views view_sizes image_size channels mean std host_version; SSP_V_NONE: not known. Another name is
   * SSP_E_ARGUMENT. In defaults never dataset_length or epoch_iters, and views and view_sizes only where the user
   * states a pipeline, which the model then has to fit; image_size is the data set's where none is stated.
   * global_batch: batch_size of all ranks; an optimizer step sees micros times as many. view_sizes: INTS, height and
   * width of each view in turn; image_size: the side of the first view if it is square; host_version: STR. */
  ssp_status (*fact)(ssp_build*, ssp_str name, ssp_value* out);
} ssp_config;

#ifdef __cplusplus
}
#endif
#endif
