// How a rank tells the launcher that a checkpoint is whole: one byte each, through a pipe that rank 0 has inherited
// (SELFSUP_COMMITS). The launcher counts them: a run that is lost again and again without any is not started again.
// Knows no checkpoint.
#pragma once

namespace selfsup::launch {

// Rank 0, after each save. Nothing where no launcher listens; never waits, never fails.
void tell_commit() noexcept;

// The launcher's side: what came since the last call, without waiting. descriptor: set to -1 when nobody can write any
// more.
int count_commits(int& descriptor) noexcept;

}  // namespace selfsup::launch
