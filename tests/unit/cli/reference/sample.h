// A command for tests, small and with everything.
#pragma once

#include "cli/reference/command.h"

namespace bothy::reference {

inline Command sample() {
  Command command;
  command.name = "bothy box";
  command.summary = "Put things into boxes";
  command.usage = "[OPTIONS] DIR [COMMAND]";
  command.operands = {{"DIR", Kind::kFile, {}, "Where: '.' is here"}};
  command.flags = {{{"-h", "--help"}, "", Kind::kAny, {}, "Print this", "Options", false},
                   {{"-s", "--size"}, "SIZE", Kind::kAny, {}, "Size [K:M]", "Limits", false},
                   {{"--way"}, "HOW", Kind::kWord, {"up", "down"}, "The way", "Limits", true}};
  command.footer =
      "Examples:\n  bothy box .\n  bothy box -s 1\n\nA note\nin two lines.\n\n"
      "Exit status: 0,\nor 1.";
  Command below;
  below.name = "bothy box open";
  below.summary = "Open a box";
  below.group = "Subcommands";
  command.commands = {below};
  return command;
}

}  // namespace bothy::reference
