#!/bin/sh
# MMSelfSup's configurations as a user runs them: their path from memory, at full size on an ImageNet-shaped folder, and made of a Python one.
#   selfsup_configs_test.sh BUILD_DIR SOURCE_DIR
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
source=$2
cd "$scratch" || exit 1

# The path as MMSelfSup has it leads to the file that is here.
"$host" config "$source/configs/selfsup/simclr/simclr_resnet50_8xb32-coslr-200e_in1k.py" >out 2>err
[ $? -eq 2 ] || fail "a Python configuration is not exit 2"
grep -q 'the one of this name is .*configs/selfsup/simclr/simclr_resnet50_8xb32-coslr-200e_in1k.json$' err || fail "a Python path does not lead to the JSON file"

# The folder is what the configurations name, and a function of the seed.
python3 "$source/scripts/make_imagenet.py" data/imagenet --classes 2 --images 2 >out || fail "make_imagenet.py"
python3 "$source/scripts/make_imagenet.py" again --classes 2 --images 2 >out || fail "make_imagenet.py"
diff -r data/imagenet again || fail "make_imagenet.py: two runs differ"
python3 "$source/scripts/make_imagenet.py" again >out 2>&1 && fail "make_imagenet.py writes over a folder"
[ "$(wc -l <data/imagenet/meta/train.txt)" -eq 4 ] || fail "make_imagenet.py: the list"

# Full size: one step of two images, nothing of the file changed but how much is done of it.
for name in mae/mae_vit-base-p16_8xb512-coslr-400e_in1k simclr/simclr_resnet50_8xb32-coslr-200e_in1k; do
  "$host" "$source/configs/selfsup/$name.json" --device cpu --work-dir run --overwrite --cfg-options train_dataloader.batch_size=2 \
    train_dataloader.num_workers=0 'train_cfg={"type":"IterBasedTrainLoop","max_iters":1,"_delete_":true}' \
    default_hooks.logger.interval=1 default_hooks.checkpoint.save_last=false default_hooks.checkpoint.interval=0 >out 2>err || fail "$name: exit $?"
  grep -q 'Iter(train) \[1/1\].* loss: [0-9]' err || fail "$name: no step"
  # One iteration does not outlast the warm-up.
  grep -q 'param_scheduler.0 (LinearLR).* at most, not ' err || fail "$name: says nothing of its rate"
done

# A Python configuration, in an environment that has MMEngine, or here what stands for it.
mkdir mmengine
: >mmengine/__init__.py
cat >mmengine/config.py <<'END'
import runpy


class Config:
    @staticmethod
    def fromfile(path):
        config = Config()
        config.values = {key: value for key, value in runpy.run_path(path).items() if not key.startswith("__")}
        return config

    def to_dict(self):
        return self.values
END
cat >mae.py <<'END'
data_root = 'data/imagenet/'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', size=224, scale=(0.2, 1.0), backend='pillow', interpolation='bicubic'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSelfSupInputs', meta_keys=['img_path'])]
train_dataloader = dict(
    batch_size=512, num_workers=8, persistent_workers=True, sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(type='mmcls.ImageNet', data_root=data_root, ann_file='meta/train.txt', data_prefix=dict(img_path='train/'),
                 pipeline=train_pipeline, serialize_data=True))
val_dataloader = None
model = dict(
    type='mmselfsup.MAE',
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True),
    backbone=dict(type='MAEViT', arch='l', patch_size=16, mask_ratio=0.75),
    neck=dict(type='MAEPretrainDecoder', patch_size=16, in_chans=3, embed_dim=1024, decoder_embed_dim=512, decoder_depth=8,
              decoder_num_heads=16, mlp_ratio=4.),
    head=dict(type='MAEPretrainHead', norm_pix=True, patch_size=16, loss=dict(type='MAEReconstructionLoss')),
    init_cfg=[dict(type='Xavier', distribution='uniform', layer='Linear'), dict(type='Constant', layer='LayerNorm', val=1.0, bias=0.0)])
optimizer = dict(type='AdamW', lr=1.5e-4 * 4096 / 256, betas=(0.9, 0.95), weight_decay=0.05)
optim_wrapper = dict(
    type='AmpOptimWrapper', loss_scale='dynamic', optimizer=optimizer,
    paramwise_cfg=dict(custom_keys={key: dict(decay_mult=0.) for key in ('ln', 'bias', 'pos_embed', 'mask_token', 'cls_token')}))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-9, by_epoch=True, begin=0, end=40, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', T_max=760, by_epoch=True, begin=40, end=800, convert_to_iter_based=True)]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=800)
default_scope = 'mmselfsup'
default_hooks = dict(
    runtime_info=dict(type='RuntimeInfoHook'), timer=dict(type='IterTimerHook'), logger=dict(type='LoggerHook', interval=100),
    param_scheduler=dict(type='ParamSchedulerHook'), checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=3),
    sampler_seed=dict(type='DistSamplerSeedHook'))
env_cfg = dict(cudnn_benchmark=False, mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0), dist_cfg=dict(backend='nccl'))
log_processor = dict(window_size=10)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='SelfSupVisualizer', vis_backends=vis_backends, name='visualizer')
log_level = 'INFO'
load_from = None
resume = True
randomness = dict(seed=0, diff_rank_seed=True)
END
PYTHONPATH=. python3 "$source/scripts/mmselfsup_config.py" mae.py mae.json --host "$host" 2>err || fail "mmselfsup_config.py"
for key in data_root train_pipeline val_dataloader optimizer train_dataloader.dataset.serialize_data; do
  grep -q "^mmselfsup_config: $key: left out; there is no such key here\$" err || fail "mmselfsup_config.py says nothing of $key"
done
[ "$(wc -l <err)" -eq 5 ] || fail "mmselfsup_config.py leaves out more"
"$host" config mae.json >made 2>err || fail "the host refuses what mmselfsup_config.py makes"
"$host" config "$source/configs/selfsup/mae/mae_vit-large-p16_8xb512-amp-coslr-800e_in1k.json" >shipped 2>err || fail "the shipped file"
python3 - <<'END' || fail "the Python configuration and the shipped one differ"
import json
made, shipped = (json.load(open(name)) for name in ("made", "shipped"))
for tree in (made, shipped):
    tree.pop("work_dir", None)
# MMSelfSup's files have none, and a plugin's would belong to the plugin's rate.
assert shipped["auto_scale_lr"].pop("base_batch_size") == 4096 and "base_batch_size" not in made["auto_scale_lr"]
for key in {*made, *shipped}:
    assert made.get(key) == shipped.get(key), (key, made.get(key), shipped.get(key))
END
"$host" validate mae.json --device cpu --auto-scale-lr >out 2>err
[ $? -eq 2 ] || fail "a rate without its batch is scaled"
grep -q 'auto_scale_lr' err || fail "a rate without its batch: not named"
echo 'x = float("inf")' >endless.py
PYTHONPATH=. python3 "$source/scripts/mmselfsup_config.py" endless.py --host "$host" >out 2>err && fail "infinity: exit 0"
grep -q '^mmselfsup_config: x: inf has no place in JSON$' err || fail "infinity: no word of it"
exit $failed
