/* SPDX-License-Identifier: Apache-2.0 */
/* Extension "ssp.registry/0": components of other plugins. */
#ifndef SSP_REGISTRY_H
#define SSP_REGISTRY_H

#include "ssp/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SSP_EXT_REGISTRY "ssp.registry/0"

/* How the table of every kind begins, those that no host knows too. */
typedef struct ssp_table_head {
  uint32_t struct_size, caps;
  ssp_str (*schema)(void); /* OWNERSHIP: the plugin, for ever */
  ssp_status (*create)(ssp_build*, ssp_component* out);
  void (*destroy)(ssp_component);
} ssp_table_head;

typedef struct ssp_registry {
  uint32_t struct_size, reserved;
  /* Inside create. The component whose kind is given and whose name is `type` in the node of `at`, which came from
   * params.scope. Of the kinds of this SDK the table is the host's wrapper: each error gets the component's path. Of a
   * kind that this host does not know it is the plugin's own table, as it is: whoever asks by that kind knows its
   * layout, of which the host reads no more than ssp_table_head. A cycle is refused.
   * OWNERSHIP: the host, until the requester is destroyed; do not call destroy. THREAD: main. */
  ssp_status (*create)(ssp_build* at, const char* kind, const void** table, ssp_component* out);
} ssp_registry;

#ifdef __cplusplus
}
#endif
#endif
