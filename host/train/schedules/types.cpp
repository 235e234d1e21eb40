// The shapes of schedules that there are. To add one, write a file that defines its function, and name this twice here.
#include "train/schedules/schedule.h"

namespace selfsup::train {

ScheduleShape constant(), linear(), cosine_annealing(), multi_step(), step(), exponential(), poly();

const std::vector<ScheduleShape>& schedule_shapes() {
  static const std::vector<ScheduleShape> shapes = {constant(),    linear(), cosine_annealing(), multi_step(), step(),
                                                    exponential(), poly()};
  return shapes;
}

}  // namespace selfsup::train
