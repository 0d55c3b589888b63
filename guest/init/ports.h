// The ports on which processes of the guest listen, reported to the host.
#pragma once

namespace bothy::init {

// From now on. /proc is mounted.
void watch_ports();

// Milliseconds until look_at_ports() is to be called; -1 when nothing is watched.
int until_next_look();
// Sends PORTS when they have changed; at most once a second.
void look_at_ports();

}  // namespace bothy::init
