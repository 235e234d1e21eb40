// The text of the host's schema. Included by host_schema.cpp only. Every integer that is computed with has a maximum,
// so that neither a narrower type nor the product of a number of epochs and an epoch's length overflows. An object
// whose members have defaults has the default {}, so that leaving it out and writing it empty resolve alike.
#pragma once

namespace selfsup::config {

inline constexpr char kDataPreprocessor[] = R"({
  "type": "object", "description": "normalisation on the device, in units of 0..255",
  "properties": {
    "type": {"type": "string", "description": "any name; there is one kind"},
    "mean": {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 3, "description": "a number a channel, or one for all; absent: 0"},
    "std": {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "minItems": 1, "maxItems": 3, "description": "likewise; absent: 1"},
    "bgr_to_rgb": {"type": "boolean", "enum": [true], "description": "images are RGB everywhere; false is refused"}
  }})";

inline constexpr char kHostTop[] = R"({
  "type": "object",
  "properties": {
    "plugins": {"type": "array", "items": {"type": "string"}, "description": "plugins to load, by name or path; --plugin replaces the algorithm's"},
    "model": {"type": "object", "x-ssp-component": "ssp.algorithm/0", "x-ssp-claims": {"data_preprocessor": @PREPROCESSOR@},
      "description": "the algorithm; without type, the only one that the first plugin brings"},
    "data_preprocessor": @PREPROCESSOR@,
    "train_dataloader": {"type": "object", "properties": {
      "batch_size": {"type": "integer", "minimum": 1, "maximum": 1000000, "description": "images a rank takes in a step; an algorithm may bring its own number"},
      "num_workers": {"type": "integer", "minimum": 0, "maximum": 256, "description": "threads that read and transform images; 0: the training thread does it. Absent: the cores allowed, less one, at most 8"},
      "dataset": {"type": "object", "x-ssp-component": "dataset", "description": "without type: image_folder", "x-ssp-claims": {
        "pipeline": {"type": "array", "items": {"type": "object", "x-ssp-component": "transform"}, "description": "transforms, in order"}}},
      "pipeline": {"type": "array", "items": {"type": "object", "x-ssp-component": "transform"}, "description": "transforms, where the dataset names none"},
      "drop_last": {"type": "boolean", "default": false, "description": "leave out the last batch of an epoch if it is not full"},
      "sampler": {"type": "object", "default": {}, "properties": {
        "type": {"type": "string", "enum": ["DefaultSampler"]},
        "shuffle": {"type": "boolean", "default": true, "description": "another order in each epoch, a function of the seed"},
        "round_up": {"type": "boolean", "enum": [true], "description": "every rank takes equally many images"}}},
      "prefetch_factor": {"type": "integer", "minimum": 1, "maximum": 64, "default": 2, "description": "batches prepared ahead"},
      "max_bad_fraction": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.001, "description": "share of unreadable images above which the run ends with exit 4; unless it is 0, three are allowed, or half of a set of fewer than six; 1: all"},
      "truncated": {"type": "string", "enum": ["refuse", "keep"], "default": "refuse", "description": "files that were cut: refuse: bad images; keep: what is there, the rest grey or black, as Pillow with LOAD_TRUNCATED_IMAGES"},
      "max_image_pixels": {"type": "integer", "minimum": 1, "maximum": 1073741824, "default": 64000000, "description": "an image of more pixels is a bad one; it is held in memory whole, with 3 bytes a pixel and more"},
      "pin_memory": {"type": "boolean", "x-ssp-idle": true}, "persistent_workers": {"type": "boolean", "x-ssp-idle": true},
      "collate_fn": {"type": "object", "properties": {"type": {"type": "string"}}, "x-ssp-idle": true},
      "batch_sampler": {"type": ["object", "null"], "x-ssp-idle": true}},
      "required": ["batch_size", "dataset"]},
    "optim_wrapper": {"type": "object", "properties": {
      "type": {"type": "string", "enum": ["OptimWrapper", "AmpOptimWrapper"], "default": "OptimWrapper", "description": "AmpOptimWrapper: mixed precision, as --amp"},
      "optimizer": {"type": "object", "x-ssp-component": "optimizer"},
      "paramwise_cfg": {"type": ["object", "null"], "description": "factors for some of the parameters", "properties": {
        "custom_keys": {"type": "object", "x-ssp-each": {"type": "object", "properties": {
          "lr_mult": {"type": "number", "minimum": 0, "description": "times the learning rate; absent: 1. 0: frozen, without gradient and decay"},
          "decay_mult": {"type": "number", "minimum": 0, "description": "times the weight decay; absent: 1"},
          "lars_exclude": {"type": "boolean", "description": "of LARS: true leaves these at the plain rate. Absent: as the plugin declares a parameter that no key fits"},
          "momentum": {"type": "number", "minimum": 0, "description": "of SGD and LARS, instead of the optimizer's"},
          "yields": {"type": "boolean", "description": "true: counts for what no other key and no factor below says. Those of a plugin's defaults say so"}}},
          "description": "{part of a parameter's name: factors}; the longest part that fits wins, ties by the alphabet"},
        "norm_decay_mult": {"type": "number", "minimum": 0, "description": "times the weight decay of normalisation layers"},
        "bias_decay_mult": {"type": "number", "minimum": 0, "description": "times the weight decay of biases"},
        "bias_lr_mult": {"type": "number", "minimum": 0, "description": "times the learning rate of biases, those of normalisation layers excepted"},
        "flat_decay_mult": {"type": "number", "minimum": 0, "description": "times the weight decay of other one-dimensional parameters"},
        "bypass_duplicate": {"type": "boolean", "x-ssp-idle": true}}},
      "clip_grad": {"type": ["object", "null"], "description": "absent: gradients stay as they are", "properties": {
        "type": {"type": "string", "enum": ["norm", "value"], "default": "norm", "description": "all gradients by their norm, or each element"},
        "max_norm": {"type": "number", "exclusiveMinimum": 0, "description": "of type norm: the largest norm"},
        "norm_type": {"type": ["number", "string"], "exclusiveMinimum": 0, "enum": ["inf"], "default": 2, "description": "which norm"},
        "clip_value": {"type": "number", "exclusiveMinimum": 0, "description": "of type value: the largest size of an element"}}},
      "accumulative_counts": {"type": "integer", "minimum": 1, "maximum": 1000000, "default": 1, "description": "batches an optimizer step takes"},
      "loss_scale": {"type": ["string", "number", "object"], "enum": ["dynamic"], "exclusiveMinimum": 0, "description": "of fp16: \"dynamic\", a fixed number, or an object that starts a dynamic one; absent: dynamic", "properties": {
        "init_scale": {"type": "number", "exclusiveMinimum": 0, "description": "absent: 65536"},
        "growth_factor": {"type": "number", "exclusiveMinimum": 1, "description": "absent: 2"},
        "backoff_factor": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "description": "below 1; absent: 0.5"},
        "growth_interval": {"type": "integer", "minimum": 1, "maximum": 1000000000, "description": "good steps before the scale grows; absent: 2000"}}},
      "dtype": {"type": "string", "enum": ["float16", "bfloat16"], "description": "of AmpOptimWrapper; absent: float16 on CUDA, bfloat16 on the CPU"}},
      "required": ["optimizer"]},
    "param_scheduler": {"type": ["array", "object", "null"], "items": {"type": "object", "x-ssp-component": "scheduler"}, "x-ssp-component": "scheduler", "description": "one, or a list whose members act on one another's values"},
    "train_cfg": {"type": "object", "properties": {
      "type": {"type": "string", "enum": ["EpochBasedTrainLoop", "IterBasedTrainLoop"], "description": "absent: by the key that gives the length"},
      "by_epoch": {"type": "boolean", "description": "the same in other words"},
      "max_epochs": {"type": ["integer", "null"], "minimum": 1, "maximum": 1000000000, "description": "length of the run; this or max_iters"},
      "max_iters": {"type": ["integer", "null"], "minimum": 1, "maximum": 1000000000, "description": "length of the run in batches"},
      "val_interval": {"type": "integer", "x-ssp-idle": true}}},
    "default_hooks": {"type": "object", "default": {}, "properties": {
      "logger": {"type": "object", "default": {}, "properties": {
        "type": {"type": "string", "enum": ["LoggerHook"]},
        "interval": {"type": "integer", "minimum": 1, "maximum": 1000000000, "default": 10, "description": "iterations between two log lines, which show means since the one before"}}},
      "checkpoint": {"type": "object", "default": {}, "properties": {
        "type": {"type": "string", "enum": ["CheckpointHook"]},
        "interval": {"type": "integer", "maximum": 1000000000, "description": "epochs, or iterations; 0 or less: only the last. Absent: 1 epoch; a run counted in iterations saves at its end"},
        "by_epoch": {"type": "boolean", "description": "whether interval counts epochs; absent: as the run is counted"},
        "max_keep_ckpts": {"type": "integer", "minimum": -1, "maximum": 1000000, "default": 3, "description": "at least 1; older ones are deleted. -1: keep all, MMEngine's default"},
        "save_last": {"type": "boolean", "default": true, "description": "save at the end of the run, whatever the interval"}}},
      "runtime_info": {"type": "object", "x-ssp-idle": true}, "timer": {"type": "object", "x-ssp-idle": true},
      "param_scheduler": {"type": "object", "x-ssp-idle": true}, "sampler_seed": {"type": "object", "x-ssp-idle": true},
      "visualization": {"type": "object", "x-ssp-idle": true}}},
    "env_cfg": {"type": "object", "default": {}, "properties": {
      "channels_last": {"type": "boolean", "default": true, "description": "images, and parameters of four dimensions, lie in memory pixel by pixel, as convolutions like them; false, or on the CPU a convolution with fewer than 16 outputs: channel by channel"},
      "num_threads": {"type": "integer", "minimum": 1, "maximum": 4096, "description": "threads of the training step; absent: OMP_NUM_THREADS, else the cores allowed by affinity and cgroup"},
      "dist_cfg": {"type": "object", "properties": {
        "backend": {"type": "string", "enum": ["nccl", "gloo"], "x-ssp-idle": true},
        "port": {"type": "integer", "minimum": 1, "maximum": 65535, "description": "where the ranks meet; --master-port (PORT of dist_train.sh) wins over it, and it over MASTER_PORT"},
        "timeout": {"type": "number", "exclusiveMinimum": 0, "maximum": 1000000, "description": "seconds that a rank may stand still, in whatever it does, and that ranks wait for one another at the start, there at most 60 on one machine and 300 on several; absent: those, and 10 times the longest step so far, at least a minute"}}},
      "cudnn_benchmark": {"type": "boolean", "default": true, "description": "CUDA: cuDNN tries its convolutions for each size of images and keeps the fastest; not with randomness.deterministic"},
      "allow_tf32": {"type": "boolean", "description": "CUDA: fp32 matrix products and convolutions may round their factors to TF32 (10 bits of mantissa), on GPUs that have it; absent: PyTorch's default, which allows it to convolutions alone"},
      "fused": {"type": "string", "enum": ["auto", "on", "off"], "default": "auto", "description": "CPU: attention and MLP of a transformer block, and batch norm with the addition and ReLU behind it, run as one function each, forward and backward, which is faster and keeps half as much memory; the numbers are those of single operators within rounding. auto: where there are kernels for it; a resumed run as its checkpoint. on: an error where nothing can be fused"},
      "mp_cfg": {"type": "object", "x-ssp-idle": true},
      "resource_limit": {"type": "integer", "x-ssp-idle": true}}},
    "randomness": {"type": "object", "default": {}, "properties": {
      "seed": {"type": ["integer", "null"], "minimum": 0, "description": "absent: drawn, and written to the resolved configuration"},
      "diff_rank_seed": {"type": "boolean", "x-ssp-idle": true},
      "deterministic": {"type": "boolean", "default": false, "description": "CUDA: reproducible kernels only"}}},
    "auto_scale_lr": {"type": "object", "default": {}, "properties": {
      "enable": {"type": "boolean", "default": false, "description": "as --auto-scale-lr"},
      "base_batch_size": {"type": "integer", "minimum": 1, "maximum": 1000000000, "description": "images of a step for which lr was chosen"}}},
    "probe": {"type": ["object", "null"], "description": "judges features by labels that training never sees", "properties": {
      "dataset": {"type": "object", "x-ssp-component": "dataset", "description": "the bank"},
      "test_dataset": {"type": "object", "x-ssp-component": "dataset", "description": "the queries"},
      "bank": {"type": "integer", "minimum": 1, "maximum": 1000000000, "default": 10000, "description": "images taken from the bank's set"},
      "queries": {"type": "integer", "minimum": 1, "maximum": 1000000000, "default": 10000, "description": "images taken from the queries' set"},
      "interval": {"type": "integer", "minimum": 0, "maximum": 1000000000, "default": 0, "description": "epochs (or iterations) between probes; 0: at the end only"},
      "baselines": {"type": "boolean", "default": true, "description": "also raw pixels and the random initialisation"},
      "whitened_pixels": {"type": "boolean", "default": false, "description": "among the baselines also raw pixels whitened by the bank (PCA), the strongest one that learns nothing"},
      "k": {"type": "integer", "minimum": 1, "maximum": 1000000000, "default": 20, "description": "neighbours of kNN"},
      "temperature": {"type": "number", "exclusiveMinimum": 0, "default": 0.07, "description": "of the neighbours' weights"},
      "few_labels": {"type": "integer", "minimum": 0, "maximum": 1000000000, "default": 100, "description": "labels of the linear probe; 0: the whole bank"},
      "draws": {"type": "integer", "minimum": 1, "maximum": 1000000, "default": 5, "description": "draws of the few labels"},
      "feature": {"type": "string", "default": "", "description": "which feature of the algorithm; empty: the one it is judged by"},
      "batch_size": {"type": "integer", "minimum": 1, "maximum": 1000000, "default": 256, "description": "images of one forward pass"}},
      "required": ["dataset", "test_dataset"]},
    "device": {"type": "string", "enum": ["auto", "cpu", "cuda"], "default": "auto", "description": "auto: CUDA if a GPU answers"},
    "find_unused_parameters": {"type": "boolean", "default": false, "description": "of several ranks: parameters on which the loss of a step does not depend are no error; costs a walk through the graph and a message each step"},
    "sync_bn": {"type": ["string", "boolean", "null"], "enum": ["torch", "mmcv"], "description": "of several ranks: \"torch\", \"mmcv\" or true make every batch norm one over the images of all ranks. Absent: each layer as its norm_cfg says"},
    "model_wrapper_cfg": {"type": "object", "default": {}, "description": "how gradients are reduced over ranks", "properties": {
      "type": {"type": "string", "enum": ["MMDistributedDataParallel"]},
      "find_unused_parameters": {"type": "boolean", "description": "instead of the key of this name at the top"},
      "bucket_cap_mb": {"type": "number", "exclusiveMinimum": 0, "maximum": 1000000, "description": "MiB of gradients that travel as one message; the first has at most 1. Absent: 25, as PyTorch; between machines an eighth of all, from 1 to 25"},
      "comm_hook": {"type": ["string", "null"], "enum": ["bf16_compress"], "description": "bf16_compress: gradients travel as bfloat16, in half the bytes. Absent: as they are"},
      "broadcast_buffers": {"type": "boolean", "x-ssp-idle": true}, "detect_anomalous_params": {"type": "boolean", "x-ssp-idle": true},
      "static_graph": {"type": "boolean", "x-ssp-idle": true}, "gradient_as_bucket_view": {"type": "boolean", "x-ssp-idle": true}}},
    "load_from": {"type": ["string", "null"], "description": "weights to start from: a checkpoint folder, a .safetensors or a .pth file"},
    "resume": {"type": ["boolean", "string"], "default": false, "description": "true: go on from the newest checkpoint of the work folder; without one, begin, with load_from's weights if given. A path: go on from that one"},
    "work_dir": {"type": "string", "description": "absent: work_dirs/<name of the file>"},
    "default_scope": {"type": ["string", "null"], "x-ssp-idle": true}, "log_level": {"type": "string", "x-ssp-idle": true},
    "launcher": {"type": "string", "x-ssp-idle": true}, "log_processor": {"type": "object", "x-ssp-idle": true},
    "vis_backends": {"type": "array", "x-ssp-idle": true},
    "visualizer": {"type": ["object", "null"], "properties": {
      "type": {"type": "string", "description": "any name; there is one kind"}, "name": {"type": "string", "x-ssp-idle": true},
      "vis_backends": {"type": ["array", "null"], "description": "where the numbers of the log go: LocalVisBackend, to metrics.jsonl, as always; TensorboardVisBackend, also to an event file in the work folder's vis_data", "items": {"type": "object", "properties": {
        "type": {"type": "string", "enum": ["LocalVisBackend", "TensorboardVisBackend"]}},
        "required": ["type"]}}}},
    "report": {"type": "boolean", "default": true, "description": "at the end of a run, or when it is stopped: report.html and its pictures in the work folder"},
    "custom_hooks": {"type": "array", "x-ssp-idle": true}, "custom_imports": {"type": "object", "x-ssp-idle": true},
    "cfg": {"type": "object", "x-ssp-idle": true}
  },
  "required": ["train_dataloader", "train_cfg", "optim_wrapper", "model"]
})";

}  // namespace selfsup::config
