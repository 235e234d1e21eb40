#include "ssp/cpp/plugin.hpp"
#include "resnet.hpp"
#include "vit.hpp"

SSP_PLUGIN(ssp::tokens<MAEViT>("MAEViT"), ssp::backbone<MAEViT>("MAEViT"),
           ssp::tokens<VisionTransformer>("VisionTransformer"), ssp::backbone<VisionTransformer>("VisionTransformer"),
           ssp::backbone<ResNet>("ResNet"), ssp::backbone<ResNetCifar>("ResNet_CIFAR"));
