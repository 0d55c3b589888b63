#include "guest/init/power.h"

#include <sys/reboot.h>
#include <unistd.h>

#include "guest/init/control.h"

namespace bothy::init {

void power_off() {
  for (;;) {
    reboot(RB_POWER_OFF);
    pause();
  }
}

void fail(Text what, int error) {
  Line line;
  fail(line.add(what).add(": ").add(error_text(error)).text());
}

void fail(Text what) {
  say(what);
  control_fail(what);
  power_off();
}

}  // namespace bothy::init
