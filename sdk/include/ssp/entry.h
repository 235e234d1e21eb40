/* SPDX-License-Identifier: Apache-2.0 */
/* How a plugin and a host meet: the one exported object, the host it gets, and the note that is read before loading. */
#ifndef SSP_ENTRY_H
#define SSP_ENTRY_H

#include "ssp/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a plugin gets in init. OWNERSHIP: the host; valid until shutdown returns. THREAD: any. */
struct ssp_host {
  uint32_t struct_size, abi_minor;
  /* "ssp.ops/0" -> const ssp_ops*; null: not offered. OWNERSHIP: the host, until shutdown. */
  const void* (*get_extension)(const ssp_host*, const char* id);
  /* The text of the failure that this thread is about to return. Retain and release never touch it. */
  void (*set_error)(const ssp_host*, ssp_str text);
  /* The text of the last failure on this thread. OWNERSHIP: the host; valid until this thread's next failure. */
  ssp_str (*last_error)(const ssp_host*);
};

/* Every plugin exports one object of this type, named ssp_plugin_v1. A new major is a new name. */
typedef struct ssp_plugin_entry {
  uint32_t struct_size, abi_minor;
  /* Resolves operators and keeps `host`; makes no tensor. Called once. THREAD: main. */
  ssp_status (*init)(const ssp_host* host);
  /* After the last component is destroyed; the library stays mapped. Called once if init returned SSP_OK. */
  void (*shutdown)(void);
  /* The table of a component: kind "ssp.algorithm/0" and its kin, name as in the configuration's `type`.
   * OWNERSHIP: the plugin, for ever. An unknown pair is SSP_E_UNSUPPORTED. */
  ssp_status (*get_factory)(ssp_str kind, ssp_str name, const void** table);
} ssp_plugin_entry;

/* The note: an ELF note with owner "SSP" and type 1, found through the program headers and read without loading the
 * file. UTF-8 JSON, at most 64 KiB:
 *   {"id": "vendor.name", "version": "1.2.3", "sdk": [major, min_minor], "tier": "portable",
 *    "provides": [[kind, name], …], "needs": [[kind, name or "*"], …], "machine": "x86_64", "isa": "",
 *    "torch": null, "cuda": null, "digest": "…"}
 * digest: SHA-256 of the loaded segments, 64 hexadecimal digits, with those digits themselves taken as "0"; what it
 * covers to the byte stands in ABI.md. Kinds that a host does not know are skipped. */
#define SSP_NOTE_OWNER "SSP"
#define SSP_NOTE_TYPE 1
#define SSP_NOTE_MAX_BYTES 65536

#define SSP_KIND_ALGORITHM "ssp.algorithm/0"
#define SSP_KIND_BACKBONE "ssp.backbone/0"
#define SSP_KIND_BACKBONE_TOKENS "ssp.backbone.tokens/0"
#define SSP_KIND_TRANSFORM "ssp.transform/0"

#ifdef __cplusplus
}
#endif
#endif
