// Copies between a VmOwner's guest and its clients. A copy is a process as far as streams go: one,
// in or out.
#include <cstring>
#include <utility>

#include "base/json_fields.h"
#include "run/vm_owner.h"

namespace bothy::run {
namespace {

constexpr std::size_t kLongestPath = 4095;

Result<std::string> path_of(const boost::json::object& request) {
  const JsonFields fields(request, "the request");
  BOTHY_TRY(std::string path, fields.text("path"));
  if (!path.starts_with('/') || path.size() > kLongestPath ||
      path.find('\0') != std::string::npos) {
    return make_error(ErrorCode::kInvalid, "the path in the guest can't be one");
  }
  return path;
}

}  // namespace

Result<void> VmOwner::look(const Session& session, const boost::json::object& request) {
  BOTHY_TRY(check_running());
  BOTHY_TRY(const std::string path, path_of(request));
  const std::uint32_t number = next_process_++;
  waiting_for_look_[number] = session;
  link_->look(number, path);
  return success();
}

void VmOwner::on_seen(std::uint32_t number, const GuestPath& seen) {
  const auto waiting = waiting_for_look_.find(number);
  if (waiting != waiting_for_look_.end()) {
    waiting->second->answer(boost::json::object{
        {"errno", seen.error_number}, {"mode", seen.mode}, {"path", seen.path}});
    waiting_for_look_.erase(waiting);
  }
}

Result<void> VmOwner::copy(const Session& session, const boost::json::object& request, bool into) {
  BOTHY_TRY(check_running());
  BOTHY_TRY(const std::string path, path_of(request));
  const std::uint32_t number = next_process_++;
  Workload::Setup setup;
  setup.input = into;
  setup.output = !into;
  setup.error = false;
  setup.token = random_token();
  const auto workload =
      std::make_shared<Workload>(control_, setup, [this, number](const WorkloadEnd&) {
        copies_.erase(number);
        further_.erase(number);
      });
  further_[number] = workload;
  copies_[number] = session;
  session->answer(nullptr);
  session->attach(number, workload);
  into ? link_->copy_in(number, setup.token, path) : link_->copy_out(number, setup.token, path);
  return success();
}

void VmOwner::on_copied(std::uint32_t number, int error_number, const std::string& words) {
  const auto further = further_.find(number);
  if (further == further_.end() || !copies_.contains(number)) {
    return;
  }
  // Kept: its end takes it out of the map.
  const auto workload = further->second;
  if (error_number == 0) {
    return workload->set_exited(0);
  }
  const char* why = ::strerrordesc_np(error_number);
  workload->fail(1, fmt::format("{}: {}", words, why == nullptr ? "unknown error" : why));
}

// Its client is gone: the guest sees its stream end, and ends it.
void VmOwner::end_copy(const Session& session) {
  for (const auto& [number, owner] : std::map(copies_)) {
    const auto further = further_.find(number);
    if (owner == session && further != further_.end()) {
      const auto workload = further->second;
      workload->fail(1, {});
    }
  }
}

}  // namespace bothy::run
