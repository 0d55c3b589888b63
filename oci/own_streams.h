// OwnStreams: this process's stdin, stdout and stderr as those of a workload.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/fd_watch.h"
#include "run/workload.h"

namespace bothy::oci {

// For the executor's thread. The descriptors stay as they are: others share them.
class OwnStreams final : public run::Listener {
 public:
  // `on_end` is called once, after the workload's end, when all its output is written.
  using OnEnd = std::function<void(int code, const std::string& error)>;
  OwnStreams(boost::asio::io_context& executor, std::shared_ptr<run::Workload> workload,
             OnEnd on_end);
  ~OwnStreams() override;

  // Reads stdin and writes output from now on.
  void start();

  void on_output(run::Stream stream, std::span<const std::byte> bytes) override;
  [[nodiscard]] bool is_full() const override;
  void on_input_room() override;
  void on_end(int code, const std::string& error) override;

 private:
  struct Output {
    explicit Output(boost::asio::io_context& executor) : watch(executor) {}
    FdWatch watch;
    std::vector<std::byte> bytes;
    std::size_t written = 0;
  };

  void wait_to_read();
  void on_readable();
  void wait_to_write(Output& output);
  void on_writable(Output& output);
  void check_end();

  const std::shared_ptr<run::Workload> workload_;
  const OnEnd on_end_;
  FdWatch input_;
  std::array<Output, 2> outputs_;  // stdout, stderr
  bool has_ended_ = false;
  bool has_told_ = false;
  int code_ = 0;
  std::string error_;
};

}  // namespace bothy::oci
