// Sample arguments for the operators of sdk/ops-1.txt, in a small language (op_samples.h).
#include "bridge/support/op_samples.h"

namespace selfsup::bridge::testing {

// By the name of the argument: for a tensor, and for everything else. "default": the schema's.
const char* const kTensorArguments = R"(
self=u[3,4] other=u[3,4] input=u[3,4] target=u[3,4] end=u[3,4] tensor1=u[3,4] tensor2=u[3,4] src=u[3,4] tensors={u[3,4];u[3,4]}
mask=b[3,4] condition=b[3,4] tensors1={u[3,4];u[2]} weights={u[3,4];u[2]} weight=default bias=default
values=u[3,4] prepend=none append=none sorter=none
)";
const char* const kOtherArguments = R"(
other=0.7 alpha=2 value=0.6 dim=1 keepdim=true reduction=1 dtype=default device=device generator=gen exponent=2 size=(3,4)
approximate="tanh" rounding_mode="floor" weight=0.3 scalar=1.5 start=0 fill_value=2.5 p=default n=default s=default
)";

const char* const kSamples = R"(
aten::logit eps=0.01
aten::round.decimals decimals=1
aten::nan_to_num nan=0.5
aten::clamp self=n[3,4] min=-0.5 max=0.5
aten::clamp.Tensor self=n[3,4] min=u[3,4] max=p[3,4]
aten::clamp_min self=n[3,4] min=0.1
aten::clamp_max self=n[3,4] max=0.1
aten::acosh self=p[3,4]
aten::pow.Scalar self=1.7 exponent=u[3,4]
aten::pow.Tensor_Tensor exponent=u[3,4]
aten::relu self=n[3,4]
aten::gelu self=n[3,4]
aten::elu self=n[3,4]
aten::prelu self=n[3,4] weight=u[4]
aten::threshold self=n[3,4] threshold=0.1 value=0.2
aten::glu self=n[3,4] dim=1
aten::bitwise_not self=i9[3,4]
aten::bitwise_and.Tensor self=i9[3,4] other=i9[3,4]
aten::bitwise_or.Tensor self=i9[3,4] other=i9[3,4]
aten::bitwise_xor.Tensor self=i9[3,4] other=i9[3,4]
aten::rsub.Scalar other=0.7
aten::floor_divide self=p[3,4]! other=u[3,4]!
aten::floor_divide.Scalar self=u[3,4]! other=0.3
aten::lerp.Tensor weight=u[3,4]
aten::lerp_.Tensor weight=u[3,4]
aten::isclose rtol=0.1 atol=0.1
aten::where.ScalarOther condition=b[3,4] self=u[3,4] other=0.5
aten::where.ScalarSelf condition=b[3,4] self=0.5 other=u[3,4]
aten::masked_fill.Tensor value=u[]
aten::masked_fill_.Tensor value=u[]!
aten::sum self=u[3,4]
aten::sum.dim_IntList dim=(0,1)
aten::mean.dim dim=(1)
aten::nansum dim=(1)
aten::nanmean dim=(1)
aten::var.correction dim=(1) correction=1
aten::std.correction dim=(1) correction=1
aten::var_mean.correction dim=(1) correction=0
aten::std_mean.correction dim=(1) correction=0
aten::amax dim=(1)
aten::amin dim=(1)
aten::logsumexp dim=(1)
aten::norm.ScalarOpt_dim p=2 dim=(1)
aten::linalg_vector_norm ord=2 dim=(1)
aten::all.dim self=b[3,4]
aten::any.dim self=b[3,4]
aten::count_nonzero self=b[3,4] dim=1
aten::count_nonzero.dim_IntList self=b[3,4] dim=(0,1)
aten::diff n=1 dim=1
aten::quantile q=x[0.25,0.5] dim=1
aten::quantile.scalar q=0.5 dim=1
aten::matmul self=u[2,3,4] other=u[4,5]
aten::mm mat2=u[4,2]
aten::bmm self=u[2,3,4] mat2=u[2,4,3]
aten::mv vec=u[4]
aten::dot self=u[5] tensor=u[5]
aten::outer self=u[3] vec2=u[4]
aten::addmm self=u[3,5] mat1=u[3,4] mat2=u[4,5] beta=0.5
aten::baddbmm self=u[2,3,5] batch1=u[2,3,4] batch2=u[2,4,5] beta=0.5
aten::linear input=u[3,4] weight=u[5,4] bias=u[5]
aten::bilinear input1=u[3,4] input2=u[3,2] weight=u[5,4,2] bias=u[5]
aten::einsum equation="ij,jk->ik" tensors={u[3,4];u[4,2]}
aten::tensordot self=u[3,4] other=u[4,5] dims_self=(1) dims_other=(0)
aten::scaled_dot_product_attention query=u[2,2,3,4] key=u[2,2,3,4] value=u[2,2,3,4]
aten::diagonal offset=1 dim1=0 dim2=1
aten::diag_embed offset=0 dim1=-2 dim2=-1
aten::tril diagonal=1
aten::triu diagonal=1
aten::cosine_similarity x1=u[3,4] x2=u[3,4] dim=1
aten::pairwise_distance x1=u[3,4] x2=u[3,4] p=2
aten::cdist x1=u[3,4] x2=u[5,4] p=2
aten::linalg_qr A=u[4,3] mode="reduced"
aten::linalg_svd A=u[4,3] full_matrices=false
aten::linalg_svdvals A=u[4,3]
aten::linalg_slogdet A=s[4,4]
aten::linalg_eigh self=s[4,4] UPLO="L"
aten::linalg_cholesky self=s[4,4]
aten::linalg_solve A=s[4,4] B=u[4,2]
aten::linalg_inv A=s[4,4]
aten::linalg_solve_triangular self=s[4,4] B=u[4,2] upper=true
aten::conv1d input=u[2,4,8] weight=u[6,4,3] bias=u[6] stride=(1) padding=(1) dilation=(1) groups=1
aten::conv2d input=u[2,4,8,8] weight=u[6,2,3,3] bias=u[6] stride=(2,2) padding=(1,1) dilation=1 groups=2
aten::conv2d.padding input=u[2,4,8,8] weight=u[6,4,3,3] bias=u[6] stride=(1,1) padding="same" dilation=(1,1) groups=1
aten::conv3d input=u[2,2,4,4,4] weight=u[3,2,2,2,2] bias=u[3]
aten::conv_transpose2d.input input=u[2,4,5,5] weight=u[4,3,2,2] bias=u[3] stride=(2,2)
aten::conv_transpose1d input=u[2,4,5] weight=u[4,3,2] bias=u[3] stride=(2)
aten::max_pool2d self=u[2,3,6,6] kernel_size=(2,2)
aten::max_pool1d self=u[2,3,6] kernel_size=(2)
aten::max_pool2d_with_indices self=u[2,3,6,6] kernel_size=2
aten::max_pool3d self=u[2,3,4,4,4] kernel_size=2
aten::avg_pool1d self=u[2,3,6] kernel_size=(2)
aten::avg_pool2d self=u[2,3,6,6] kernel_size=(2,2) stride=(2,2)
aten::avg_pool3d self=u[2,3,4,4,4] kernel_size=2
aten::adaptive_avg_pool1d self=u[2,3,6] output_size=(2)
aten::adaptive_avg_pool2d self=u[2,3,6,6] output_size=(2,3)
aten::adaptive_avg_pool3d self=u[2,3,4,4,4] output_size=(2,2,2)
aten::adaptive_max_pool2d self=u[2,3,6,6] output_size=(2,3)
aten::layer_norm normalized_shape=(4) weight=u[4] bias=u[4] eps=0.001
aten::group_norm input=u[2,4,3,3] num_groups=2 weight=u[4] bias=u[4]
aten::batch_norm input=u[5,4] weight=u[4] bias=u[4] running_mean=u[4]! running_var=p[4]! training=true momentum=0.1 eps=0.001 cudnn_enabled=false
aten::instance_norm input=u[2,3,4,4] weight=u[3] bias=u[3] running_mean=none running_var=none use_input_stats=true momentum=0.1 eps=0.001 cudnn_enabled=false
aten::rms_norm normalized_shape=(4) weight=u[4] eps=0.001
aten::_weight_norm v=u[3,4] g=p[3,1] dim=0
aten::pixel_shuffle self=u[2,8,3,3] upscale_factor=2
aten::pixel_unshuffle self=u[2,2,4,4] downscale_factor=2
aten::im2col self=u[2,3,6,6] kernel_size=(2,2) dilation=(1,1) padding=(0,0) stride=(2,2)
aten::col2im self=u[2,12,9] output_size=(6,6) kernel_size=(2,2) dilation=(1,1) padding=(0,0) stride=(2,2)
aten::unfold dimension=1 size=2 step=1
aten::cross_entropy_loss target=i4[3] weight=p[4]! label_smoothing=0.1
aten::nll_loss target=i4[3]
aten::nll_loss_nd target=i4[3]
aten::kl_div target=u[3,4]
aten::soft_margin_loss target=g[3,4]
aten::cosine_embedding_loss input1=u[3,4] input2=u[3,4] target=g[3] margin=0.1
aten::margin_ranking_loss input1=u[3,4] input2=u[3,4] target=g[3,4] margin=0.1
aten::triplet_margin_loss anchor=u[3,4] positive=u[3,4] negative=u[3,4]
aten::binary_cross_entropy target=u[3,4]!
aten::binary_cross_entropy_with_logits target=u[3,4] pos_weight=p[4]!
aten::index.Tensor indices={i3[2];i4[2]}
aten::index_put indices={perm[3]} values=u[3,4]
aten::index_put_ indices={perm[3]} values=u[3,4]
aten::index_select dim=0 index=i3[5]
aten::index_add dim=0 index=perm[3] source=u[3,4]
aten::index_add_ dim=0 index=perm[3] source=u[3,4]
aten::index_copy dim=0 index=perm[3] source=u[3,4]
aten::index_copy_ dim=0 index=perm[3] source=u[3,4]
aten::index_fill.int_Scalar dim=0 index=i3[2]
aten::index_fill_.int_Scalar dim=0 index=i3[2]
aten::gather dim=1 index=i4[3,2]
aten::scatter.src dim=0 index=i1[1,4] src=u[1,4]
aten::scatter.value dim=0 index=i3[2,4]
aten::scatter_.src dim=0 index=i1[1,4] src=u[1,4]
aten::scatter_.value dim=0 index=i3[2,4]
aten::scatter_add dim=0 index=i3[3,4] src=u[3,4]
aten::scatter_add_ dim=0 index=i3[3,4] src=u[3,4]
aten::scatter_reduce.two dim=0 index=i3[3,4] src=u[3,4] reduce="mean"
aten::take_along_dim indices=i4[3,2] dim=1
aten::select.int dim=0 index=1
aten::slice.Tensor dim=1 start=1 end=4 step=2
aten::narrow dim=1 start=1 length=2
aten::masked_scatter source=u[12]
aten::select_scatter src=u[4] dim=0 index=1
aten::slice_scatter src=u[3,2] dim=1 start=1 end=3 step=1
aten::embedding weight=u[5,4] indices=i5[2,3]
aten::_unique2 self=i4[9] sorted=true return_inverse=true return_counts=true
aten::searchsorted.Tensor sorted_sequence=x[0.2,0.5,0.7] self=u[4]
aten::bucketize.Tensor self=u[4] boundaries=x[0.2,0.5,0.7]
aten::histc bins=4 min=0 max=1
aten::one_hot self=i4[5] num_classes=4
aten::bincount self=i4[9] minlength=4
aten::sort dim=1 descending=true
aten::sort.stable stable=true dim=1 descending=true
aten::argsort dim=1 descending=true
aten::argsort.stable stable=true dim=1 descending=true
aten::topk k=2
aten::kthvalue k=2
aten::reshape shape=(2,-1)
aten::view size=(2,6)
aten::expand self=u[3,1] size=(3,4)
aten::expand_as self=u[3,1]
aten::permute dims=(1,0)
aten::transpose.int dim0=0 dim1=1
aten::flatten.using_ints start_dim=0 end_dim=1
aten::unflatten.int dim=1 sizes=(2,2)
aten::squeeze self=u[3,1,4]
aten::squeeze.dim self=u[3,1,4]
aten::squeeze.dims self=u[3,1,4] dim=(1)
aten::split.Tensor split_size=2
aten::split_with_sizes split_sizes=(1,3)
aten::tensor_split.sections sections=3 dim=1
aten::tensor_split.indices indices=(1,3) dim=1
aten::chunk chunks=2
aten::repeat repeats=(2,1)
aten::repeat_interleave.self_int repeats=2 dim=0 output_size=6
aten::repeat_interleave.self_Tensor repeats=i1[3]+1 dim=0
aten::tile dims=(2,1)
aten::roll shifts=(1) dims=(0)
aten::flip dims=(0)
aten::rot90 k=1 dims=(0,1)
aten::movedim.int source=0 destination=1
aten::movedim.intlist source=(0,1) destination=(1,0)
aten::contiguous self=t[3,4]
aten::broadcast_tensors tensors={u[3,1];u[1,4]}
aten::meshgrid.indexing tensors={u[3];u[4]} indexing="ij"
aten::pad pad=(1,1) mode="constant" value=0.5
aten::constant_pad_nd pad=(1,1)
aten::reflection_pad2d self=u[2,3,4,4] padding=(1,1,1,1)
aten::replication_pad2d self=u[2,3,4,4] padding=(1,1,1,1)
aten::to.dtype dtype=f64
aten::to.other other=d[2]!
aten::item self=u[]
aten::upsample_nearest1d self=u[2,3,4] output_size=(7)
aten::upsample_linear1d self=u[2,3,4] output_size=(7) align_corners=false
aten::upsample_nearest2d self=u[2,3,4,4] output_size=(7,5)
aten::upsample_bilinear2d self=u[2,3,4,4] output_size=(7,5) align_corners=false
aten::upsample_bicubic2d self=u[2,3,4,4] output_size=(7,5) align_corners=false
aten::_upsample_bilinear2d_aa self=u[2,3,4,4] output_size=(3,2) align_corners=false
aten::_upsample_bicubic2d_aa self=u[2,3,4,4] output_size=(3,2) align_corners=false
aten::affine_grid_generator theta=u[2,2,3] size=(2,3,4,4) align_corners=false
aten::grid_sampler input=u[2,3,4,4] grid=u[2,5,5,2] interpolation_mode=0 padding_mode=0 align_corners=false
aten::zeros_like dtype=default device=default
aten::arange end=5
aten::arange.start start=1 end=5
aten::arange.start_step start=1 end=5 step=2
aten::linspace start=0 end=1 steps=5
aten::eye n=3
aten::eye.m n=3 m=4
aten::scalar_tensor s=1.5
aten::tril_indices row=3 col=3 offset=0
aten::triu_indices row=3 col=3 offset=0
aten::randint.generator high=9
aten::randint.low_generator low=2 high=9
aten::randperm.generator n=9
aten::multinomial num_samples=2 replacement=false
aten::_standard_gamma self=p[3,4]
aten::_sample_dirichlet self=p[3,4]!
aten::normal_ mean=0.5 std=2
aten::uniform_ from=-1 to=2
aten::bernoulli_.float p=0.4
aten::exponential_ lambd=2
aten::div_.Scalar other=0.7
aten::fill_.Tensor value=u[]
aten::clamp_ min=0.2 max=0.8
aten::clamp_min_ min=0.2
aten::clamp_max_ max=0.8
aten::_foreach_copy_ self={u[3,4];u[2]} src={u[3,4];u[2]}
aten::_foreach_lerp_.Scalar self={u[3,4];u[2]}
aten::_foreach_lerp_.List self={u[3,4];u[2]}
aten::_foreach_add_.List self={u[3,4];u[2]} other={u[3,4];u[2]}
aten::_foreach_add_.Scalar self={u[3,4];u[2]}
aten::_foreach_sub_.List self={u[3,4];u[2]} other={u[3,4];u[2]}
aten::_foreach_mul_.Scalar self={u[3,4];u[2]}
aten::_foreach_mul_.List self={u[3,4];u[2]} other={u[3,4];u[2]}
aten::_foreach_div_.Scalar self={u[3,4];u[2]}
aten::_foreach_zero_ self={u[3,4];u[2]}
aten::_foreach_norm.Scalar self={u[3,4];u[2]} ord=2
aten::fft_fft dim=-1
aten::fft_ifft self=c[3,4] dim=-1
aten::fft_rfft dim=-1
aten::fft_irfft self=c[3,4] dim=-1
aten::fft_fft2 dim=(0,1)
aten::fft_ifft2 self=c[3,4] dim=(0,1)
aten::fft_rfft2 dim=(0,1)
aten::fft_irfft2 self=c[3,4] dim=(0,1)
aten::fft_fftn dim=(0,1)
aten::fft_ifftn self=c[3,4] dim=(0,1)
aten::fft_fftshift dim=(0,1)
aten::fft_ifftshift dim=(0,1)
aten::imag self=c[3,4]
aten::complex real=u[3,4] imag=u[3,4]
aten::polar abs=p[3,4] angle=u[3,4]
aten::view_as_real self=c[3,4]
aten::view_as_complex self=u[3,2]
aten::conj self=c[3,4]
aten::stft self=u[2,16] n_fft=8 window=none return_complex=true
)";

}  // namespace selfsup::bridge::testing
