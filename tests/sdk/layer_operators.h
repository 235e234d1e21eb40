// Each function uses its part of the C++ layer's operators once; the plugin of layer.cpp calls them all.
#pragma once
#include "ssp/cpp/plugin.hpp"

namespace operators {

using namespace ssp;

std::vector<Tensor> pointwise(const Tensor& a, const Tensor& b);
std::vector<Tensor> reductions(const Tensor& a);
std::vector<Tensor> matrices(const Tensor& a, const Tensor& b);
std::vector<Tensor> frequencies(const Tensor& a, const Tensor& b);
std::vector<Tensor> shapes(const Tensor& a, const Tensor& b);
std::vector<Tensor> indexing(const Tensor& a, const Tensor& i);
std::vector<Tensor> layers(const Tensor& a, const Tensor& b);
std::vector<Tensor> creation(const Tensor& a, const Call& call);
void in_place(const Tensor& a, const Tensor& b, const Call& call);
std::vector<Tensor> gradients(const Tensor& loss, const Tensor& x, const Call& call);

}  // namespace operators
