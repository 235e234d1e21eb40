/* SPDX-License-Identifier: Apache-2.0 */
/* Extension "ssp.log/0": messages to the run's log. */
#ifndef SSP_LOG_H
#define SSP_LOG_H

#include "ssp/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SSP_EXT_LOG "ssp.log/0"

enum { SSP_LOG_DEBUG = 0, SSP_LOG_INFO = 1, SSP_LOG_WARNING = 2, SSP_LOG_ERROR = 3 };

/* THREAD: any. The host adds the plugin's name; on a thread that the plugin started itself it only says "plugin". */
typedef struct ssp_log {
  uint32_t struct_size, reserved;
  void (*write)(const ssp_host*, uint32_t severity, ssp_str text);
} ssp_log;

#ifdef __cplusplus
}
#endif
#endif
