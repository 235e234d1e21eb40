// The text of the host's schema. Included by host_schema.cpp only.
#pragma once

namespace selfsup::config {

inline constexpr char kDataPreprocessor[] = R"({
  "type": "object", "description": "normalisation on the device, in units of 0..255",
  "properties": {
    "type": {"type": "string", "description": "accepted and ignored"},
    "mean": {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 3, "description": "a number a channel, or one for all"},
    "std": {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "minItems": 1, "maxItems": 3},
    "bgr_to_rgb": {"type": "boolean", "enum": [true], "description": "images are RGB everywhere; false is refused"}
  }})";

inline constexpr char kHostTop[] = R"({
  "type": "object",
  "properties": {
    "plugins": {"type": "array", "items": {"type": "string"}, "description": "plugins to load, by name or path; --plugin replaces the algorithm's"},
    "model": {"type": "object", "x-ssp-component": "ssp.algorithm/0", "x-ssp-claims": {"data_preprocessor": @PREPROCESSOR@}},
    "data_preprocessor": @PREPROCESSOR@,
    "train_dataloader": {"type": "object", "properties": {
      "batch_size": {"type": "integer", "minimum": 1, "description": "images a rank takes in a step"},
      "num_workers": {"type": "integer", "minimum": 0, "maximum": 256, "description": "threads that read and transform images; 0: the training thread does it. Default: the cores allowed, less one, at most 8"},
      "dataset": {"type": "object", "x-ssp-component": "dataset", "x-ssp-claims": {
        "pipeline": {"type": "array", "items": {"type": "object", "x-ssp-component": "transform"}, "description": "transforms, in order"}}},
      "pipeline": {"type": "array", "items": {"type": "object", "x-ssp-component": "transform"}, "description": "transforms, where the dataset names none"},
      "drop_last": {"type": "boolean", "default": false, "description": "leave out the last batch of an epoch if it is not full"},
      "sampler": {"type": "object", "properties": {
        "type": {"type": "string", "enum": ["DefaultSampler"]},
        "shuffle": {"type": "boolean", "default": true}, "round_up": {"type": "boolean", "enum": [true]}}},
      "prefetch_factor": {"type": "integer", "minimum": 1, "maximum": 64, "description": "batches prepared ahead"},
      "max_bad_fraction": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.001, "description": "share of unreadable images at which the run ends with exit 4"},
      "pin_memory": {"type": "boolean"}, "persistent_workers": {"type": "boolean"}, "collate_fn": {"type": "object", "properties": {"type": {"type": "string"}}},
      "batch_sampler": {"type": ["object", "null"]}},
      "required": ["dataset"]},
    "optim_wrapper": {"type": "object", "properties": {
      "type": {"type": "string", "enum": ["OptimWrapper", "AmpOptimWrapper"], "default": "OptimWrapper"},
      "optimizer": {"type": "object", "x-ssp-component": "optimizer"},
      "paramwise_cfg": {"type": ["object", "null"], "properties": {
        "custom_keys": {"type": "object", "x-ssp-each": {"type": "object", "properties": {
          "lr_mult": {"type": "number", "minimum": 0}, "decay_mult": {"type": "number", "minimum": 0},
          "lars_exclude": {"type": "boolean"}, "momentum": {"type": "number", "minimum": 0}}},
          "description": "{part of a parameter's name: {lr_mult, decay_mult, ...}}; the longest part that fits wins"},
        "norm_decay_mult": {"type": "number", "minimum": 0}, "bias_decay_mult": {"type": "number", "minimum": 0},
        "bias_lr_mult": {"type": "number", "minimum": 0}, "flat_decay_mult": {"type": "number", "minimum": 0},
        "bypass_duplicate": {"type": "boolean"}}},
      "clip_grad": {"type": ["object", "null"], "properties": {
        "type": {"type": "string", "enum": ["norm", "value"]}, "max_norm": {"type": "number", "exclusiveMinimum": 0},
        "norm_type": {"type": ["number", "string"]}, "clip_value": {"type": "number", "exclusiveMinimum": 0}}},
      "accumulative_counts": {"type": "integer", "minimum": 1, "default": 1, "description": "batches an optimizer step takes"},
      "loss_scale": {"type": ["string", "number", "object"], "description": "\"dynamic\", a number, or GradScaler's arguments; fp16 only"},
      "dtype": {"type": "string", "enum": ["float16", "bfloat16"], "description": "of AmpOptimWrapper; default float16 on CUDA, bfloat16 on the CPU"}},
      "required": ["optimizer"]},
    "param_scheduler": {"type": ["array", "object", "null"], "items": {"type": "object", "x-ssp-component": "scheduler"}},
    "train_cfg": {"type": "object", "properties": {
      "type": {"type": "string", "enum": ["EpochBasedTrainLoop", "IterBasedTrainLoop"]},
      "by_epoch": {"type": "boolean"},
      "max_epochs": {"type": ["integer", "null"], "minimum": 1, "description": "the length of the run; this or max_iters"},
      "max_iters": {"type": ["integer", "null"], "minimum": 1, "description": "the length of the run in batches"},
      "val_interval": {"type": "integer"}}},
    "default_hooks": {"type": "object", "properties": {
      "logger": {"type": "object", "properties": {"type": {"type": "string"}, "interval": {"type": "integer", "minimum": 1, "default": 10, "description": "iterations"}}},
      "checkpoint": {"type": "object", "properties": {
        "type": {"type": "string"}, "interval": {"type": "integer", "description": "epochs, or iterations; 0 or less: only the last. Default: 1 epoch; a run counted in iterations saves at its end"},
        "by_epoch": {"type": "boolean"}, "max_keep_ckpts": {"type": "integer", "default": 3, "description": "-1: all"},
        "save_last": {"type": "boolean", "default": true}}},
      "runtime_info": {"type": "object"}, "timer": {"type": "object"}, "param_scheduler": {"type": "object"},
      "sampler_seed": {"type": "object"}, "visualization": {"type": "object"}}},
    "env_cfg": {"type": "object", "properties": {
      "num_threads": {"type": "integer", "minimum": 1, "description": "threads of the training step; default: the cores allowed, shared by the ranks of this machine"},
      "dist_cfg": {"type": "object", "properties": {
        "backend": {"type": "string", "enum": ["nccl", "gloo"]}, "port": {"type": "integer", "minimum": 1, "maximum": 65535},
        "timeout": {"type": "number", "exclusiveMinimum": 0, "description": "seconds"}}},
      "cudnn_benchmark": {"type": "boolean"}, "mp_cfg": {"type": "object"}, "resource_limit": {"type": "integer"}}},
    "randomness": {"type": "object", "properties": {
      "seed": {"type": ["integer", "null"], "minimum": 0, "description": "absent: drawn, and written to the resolved configuration"},
      "diff_rank_seed": {"type": "boolean", "default": false, "description": "random numbers never repeat between ranks here, so this changes nothing"},
      "deterministic": {"type": "boolean", "default": false, "description": "CUDA: reproducible kernels only"}}},
    "auto_scale_lr": {"type": "object", "properties": {
      "enable": {"type": "boolean", "default": false}, "base_batch_size": {"type": "integer", "minimum": 1}}},
    "probe": {"type": ["object", "null"], "description": "judges features by labels that training never sees", "properties": {
      "dataset": {"type": "object", "x-ssp-component": "dataset", "description": "the bank"},
      "test_dataset": {"type": "object", "x-ssp-component": "dataset", "description": "the queries"},
      "bank": {"type": "integer", "minimum": 1, "default": 10000, "description": "images taken from the bank's set"},
      "queries": {"type": "integer", "minimum": 1, "default": 10000, "description": "images taken from the queries' set"},
      "interval": {"type": "integer", "minimum": 0, "default": 0, "description": "epochs (or iterations) between probes; 0: at the end only"},
      "baselines": {"type": "boolean", "default": true, "description": "also raw pixels and the random initialisation"},
      "k": {"type": "integer", "minimum": 1, "default": 20}, "temperature": {"type": "number", "exclusiveMinimum": 0, "default": 0.07},
      "few_labels": {"type": "integer", "minimum": 0, "default": 100, "description": "labels of the linear probe; 0: the whole bank"},
      "draws": {"type": "integer", "minimum": 1, "default": 5, "description": "draws of the few labels"},
      "feature": {"type": "string", "default": "", "description": "which feature of the algorithm; empty: the one it is judged by"},
      "batch_size": {"type": "integer", "minimum": 1, "default": 256}},
      "required": ["dataset", "test_dataset"]},
    "device": {"type": "string", "enum": ["auto", "cpu", "cuda"], "default": "auto"},
    "find_unused_parameters": {"type": "boolean"},
    "sync_bn": {"type": ["string", "boolean", "null"]},
    "load_from": {"type": ["string", "null"], "description": "weights to start from: a checkpoint folder or a .safetensors file"},
    "resume": {"type": ["boolean", "string"], "default": false, "description": "true: go on from the newest checkpoint of the work folder, if any; a path: from that one"},
    "work_dir": {"type": "string", "description": "default: work_dirs/<name of the file>"},
    "default_scope": {"type": ["string", "null"]}, "log_level": {"type": "string"}, "launcher": {"type": "string"},
    "log_processor": {"type": "object"}, "vis_backends": {"type": "array"}, "visualizer": {"type": "object"},
    "custom_hooks": {"type": "array"}, "custom_imports": {"type": "object"}, "cfg": {"type": "object"}
  },
  "required": ["train_dataloader", "train_cfg", "optim_wrapper", "model"]
})";

}  // namespace selfsup::config
