#include "layer_operators.h"

namespace operators {

std::vector<Tensor> pointwise(const Tensor& a, const Tensor& b) {
  return {
      abs(a) + exp(a) + exp2(a) + expm1(a) + log(a) + log1p(a) + log2(a) + log10(a) + sqrt(a) + rsqrt(a) + square(a),
      sin(a) - cos(a) - tan(a) - asin(a) - acos(a) - atan(a) - sinh(a) - cosh(a) - tanh(a) - sigmoid(a) - erf(a),
      erfinv(a) * floor(a) * ceil(a) * round(a) * trunc(a) * frac(a) * sign(a) * relu(a) * silu(a) * reciprocal(a),
      log_sigmoid(a),
      isnan(a),
      isinf(a),
      isfinite(a),
      logical_not(a),
      neg(-a),
      maximum(a, b) * minimum(a, b) / atan2(a, b) - logaddexp(a, b),
      logical_and(a == b, a != b),
      logical_or(a < b, a <= b),
      a > b,
      a >= b,
      a + 1,
      a - 1.5,
      a * 2,
      a / 3,
      1 + a,
      1.5 - a,
      2 * a,
      1 / a,
      a == 1,
      a != 1,
      a<1, a <= 1, a> 1,
      a >= 1,
      remainder(a, 2),
      remainder(a, b),
      floor_divide(a, 2),
      floor_divide(a, b),
      clamp(a, 0.0),
      clamp(a, {}, 1.0),
      pow(a, 2.0),
      pow(a, b),
      lerp(a, b, 0.5),
      lerp(a, b, a),
      where(a > 0, a, b),
      where(a > 0, a, 0.0),
      where(a > 0, 1, b),
      logit(a),
      logit(a, 1e-6),
      masked_fill(a, a > 0, 0.0),
      nan_to_num(a)};
}

std::vector<Tensor> reductions(const Tensor& a) {
  const auto [variance, average] = var_mean(a, {0});
  const auto [largest, where_largest] = max(a, 0);
  const auto [smallest, where_smallest] = min(a, 0, true);
  return {variance,
          average,
          largest,
          where_largest,
          smallest,
          where_smallest,
          prod(a),
          prod(a, 0),
          all(a, 0),
          any(a, 0),
          vector_norm(a),
          quantile(a, 0.5, 0),
          sum(a),
          sum(a, {0}),
          mean(a),
          mean(a, {0}, true),
          max(a),
          min(a),
          all(a),
          any(a),
          var(a, {0}),
          stddev(a, {0}),
          amax(a, {0}),
          amin(a, {0}),
          argmax(a, 0),
          argmin(a, 0),
          logsumexp(a, {0}),
          cumsum(a, 0),
          vector_norm(a, 2, {0}),
          normalize(a, 1)};
}

std::vector<Tensor> matrices(const Tensor& a, const Tensor& b) {
  const auto [q, r] = qr(a);
  const auto [u, s, vh] = svd(a);
  const auto [eigenvalues, eigenvectors] = eigh(a);
  return {q,
          r,
          u,
          s,
          vh,
          eigenvalues,
          eigenvectors,
          matmul(a, b),
          mm(a, b),
          bmm(a, b),
          mv(a, b),
          dot(a, b),
          outer(a, b),
          einsum("ij,jk->ik", {a, b}),
          cdist(a, b),
          trace(a),
          diagonal(a),
          diag_embed(a),
          tril(a),
          triu(a),
          cholesky(a),
          solve(a, b),
          solve_triangular(a, b, true),
          inverse(a)};
}

std::vector<Tensor> frequencies(const Tensor& a, const Tensor& b) {
  const Tensor spectrum = fftshift(fft2(a, "ortho"));
  return {spectrum,
          ifft2(ifftshift(spectrum)),
          irfft2(rfft2(a), {8, 8}),
          real(spectrum),
          imag(spectrum),
          angle(spectrum),
          complex(a, b),
          polar(a, b)};
}

std::vector<Tensor> shapes(const Tensor& a, const Tensor& b) {
  const auto [first, second] = unbind<2>(a, 0);
  std::vector<Tensor> out = unbind(a, 0);
  const auto [row, column] = meshgrid(a, b);
  for (const auto& list : {split(a, 2), split(a, {1, 3}), chunk(a, 2)}) out.insert(out.end(), list.begin(), list.end());
  const std::vector<Tensor> more = {first,
                                    second,
                                    cat({a, b}, 0),
                                    cat(out, 0),
                                    stack({a, b + 1}),
                                    row,
                                    column,
                                    repeat(a, {2, 1}),
                                    repeat_interleave(a, 2, 0),
                                    unflatten(a, 0, {2, 2}),
                                    movedim(a, 0, 1),
                                    roll(a, {1}, {0}),
                                    flip(a, {0}),
                                    rot90(a, 1, {0, 1}),
                                    pad(a, {1, 1}, "reflect"),
                                    unfold(a, 0, 2, 1),
                                    a[0],
                                    a.repeat({2, 1}),
                                    a.reshape({-1}),
                                    a.view({-1}),
                                    a.expand({2, -1}),
                                    a.transpose(0, 1),
                                    a.t(),
                                    a.permute({1, 0}),
                                    a.flatten(),
                                    a.unsqueeze(0),
                                    a.squeeze(0),
                                    a.select(0, 1),
                                    a.slice(0, 1, 2),
                                    a.narrow(0, 0, 1),
                                    a.index_select(0, b),
                                    a.contiguous(),
                                    a.clone(),
                                    a.detach(),
                                    a.to(bf16),
                                    a.sum(),
                                    a.sum(0),
                                    a.sum({0, 1}),
                                    a.mean(),
                                    a.mean(-1, true),
                                    a.mean({2, 3}),
                                    a.norm(),
                                    a.norm(1, {0}, true),
                                    a.max(),
                                    a.min(),
                                    a.all(),
                                    a.any(),
                                    a.argmax(0),
                                    a.softmax(1),
                                    a.log_softmax(1),
                                    a.relu(),
                                    a.sigmoid(),
                                    a.tanh(),
                                    a.clamp(0, 1),
                                    a.clamp({}, 1.0),
                                    a.pow(2),
                                    a.sqrt(),
                                    a.abs(),
                                    a.exp(),
                                    a.log(),
                                    a.neg()};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

std::vector<Tensor> indexing(const Tensor& a, const Tensor& i) {
  const auto [values, order] = sort(a);
  const auto [best, which] = topk(a, 3);
  return {values,
          order,
          best,
          which,
          argsort(a),
          gather(a, 0, i),
          scatter(a, 0, i, a),
          scatter(a, 0, i, 1.0),
          scatter_add(a, 0, i, a),
          index_select(a, 0, i),
          index_add(a, 0, i, a),
          index_copy(a, 0, i, a),
          index_fill(a, 0, i, 0),
          index(a, {i, i}),
          index_put(a, {i}, a),
          scatter_reduce(a, 0, i, a, "mean"),
          bincount(i),
          take_along_dim(a, i, 0),
          masked_select(a, a > 0),
          nonzero(a),
          one_hot(i, 4),
          embedding(a, i)};
}

std::vector<Tensor> layers(const Tensor& a, const Tensor& b) {
  return {linear(a, b),
          conv2d(a, b, {}, {2, 2}),
          conv_transpose2d(a, b, {}, {2, 2}),
          max_pool2d(a, {2, 2}, {2, 2}),
          avg_pool2d(a, {2, 2}, {2, 2}),
          adaptive_avg_pool2d(a, {1, 1}),
          layer_norm(a, {4}, b, b, 1e-6),
          group_norm(a, 2, b, b, 1e-5),
          rms_norm(a, {4}, b, 1e-6),
          weight_norm(a, b),
          gelu(a),
          leaky_relu(a),
          elu(a),
          prelu(a, b),
          softplus(a),
          softmax(a, 1),
          log_softmax(a, 1),
          scaled_dot_product_attention(a, a, a, b),
          cross_entropy(a, b),
          nll_loss(a, b),
          huber_loss(a, b),
          triplet_margin_loss(a, b, a),
          mse_loss(a, b),
          l1_loss(a, b),
          smooth_l1_loss(a, b),
          kl_div(a, b),
          binary_cross_entropy_with_logits(a, b, Reduction::sum),
          cosine_similarity(a, b),
          upsample_nearest2d(a, {2, 2}),
          upsample_bilinear2d(a, {2, 2}),
          upsample_bicubic2d(a, {2, 2}),
          im2col(a, {2, 2}, {1, 1}),
          col2im(a, {4, 4}, {2, 2}, {1, 1}),
          affine_grid(a, {1, 3, 4, 4}),
          grid_sample(a, b, Sampling::nearest, Outside::border),
          pixel_unshuffle(a, 2),
          pixel_shuffle(a, 2)};
}

std::vector<Tensor> creation(const Tensor& a, const Call& call) {
  const Generator g = call.generator("here", a, true);
  normal_(a, 0, 1, g);
  uniform_(a, 0, 1, g);
  exponential_(a, 1, g);
  return {zeros({2}, a),
          ones({2}, a, i64),
          full({2}, 0.5, a),
          zeros_like(a),
          ones_like(a),
          full_like(a, 2),
          arange(4, a),
          arange(1, 4, a, f32),
          linspace(0, 1, 5, a),
          eye(3, a),
          rand({2}, g, a),
          randn({2}, g, a),
          randint(0, 4, {2}, g, a),
          randperm(4, g, a),
          bernoulli(a, g),
          multinomial(a, 2, false, g),
          from_host(call, std::vector<float>{1, 2}, {2}),
          from_host(call, std::vector<bool>{true, false}, {2}),
          from_host(call, 0.5),
          call.progress(),
          call.per_sample_uniform("noise", 4),
          dist::all_gather(call, a, dist::Gradient::reduce_scatter),
          dist::all_reduce(call, a, dist::Reduce::avg),
          dist::broadcast(call, a, 0)};
}

void in_place(const Tensor& a, const Tensor& b, const Call& call) {
  NoGrad guard(call);
  a.copy_(b).fill_(1).zero_().add_(b).add_(b, 0.5).add_(1).sub_(b).sub_(1).mul_(b).mul_(2).div_(b).div_(2);
  a.lerp_(b, 0.5).lerp_(b, b);
  Tensor x = a;
  x += b;
  x -= 1;
  x *= b;
  x /= 2.0;
  remainder_(a, 3);
  clamp_(a, 0.0, 1.0);
  masked_fill_(a, b, 0);
  index_copy_(a, 0, b, b);
  index_add_(a, 0, b, b);
  index_fill_(a, 0, b, 1);
  index_put_(a, {b}, b, true);
  scatter_(a, 0, b, b);
  scatter_(a, 0, b, 1.0);
  scatter_add_(a, 0, b, b);
  foreach_copy_({a, b}, {b, a});
  foreach_lerp_({a, b}, {b, a}, 0.5);
  foreach_mul_({a, b}, 2);
}

// The second derivative, and gradients where they are: in the event.
std::vector<Tensor> gradients(const Tensor& loss, const Tensor& x, const Call& call) {
  EnableGrad on(call);
  Autocast low(call, bf16);
  Autocast runs(call);
  const std::vector<Tensor> first = grad({loss}, {x}, SSP_GRAD_CREATE_GRAPH);
  return grad({first[0]}, {x, leaf(x, call)}, SSP_GRAD_ALLOW_UNUSED, {first[0]});
}

}  // namespace operators
