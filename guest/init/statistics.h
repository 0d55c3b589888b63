// What this guest has used and has left.
#pragma once

#include "guest/protocol/agent.h"

namespace bothy::init {

agent::Statistics statistics();

}  // namespace bothy::init
