#include "ssp/cpp/plugin.hpp"

#include "color_jitter.hpp"
#include "random_gaussian_blur.hpp"
#include "random_grayscale.hpp"
#include "random_solarize.hpp"
#include "simclr.hpp"

// GaussianBlur and Solarize: the same transforms under the names that users of torchvision look for.
SSP_PLUGIN(ssp::algorithm<SimClr>("SimCLR"), ssp::transform<ColorJitter>("ColorJitter"),
           ssp::transform<RandomGrayscale>("RandomGrayscale"), ssp::transform<RandomGaussianBlur>("RandomGaussianBlur"),
           ssp::transform<RandomGaussianBlur>("GaussianBlur"), ssp::transform<RandomSolarize>("RandomSolarize"),
           ssp::transform<RandomSolarize>("Solarize"));
