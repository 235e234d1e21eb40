#include "ssp/cpp/plugin.hpp"
#include "mae.hpp"

SSP_PLUGIN(ssp::algorithm<Mae>("MAE"));
