// What other libraries call the tensors of a vision transformer. Knows no tensors.
#pragma once
#include <string>

// "layers.0.ffn.layers.1.bias" -> "blocks.0.mlp.fc2.bias", as in timm's vit_*.
std::string timm_name(const std::string& own);
