#include "arch/firmware_tables.h"

#include "arch/acpi.h"
#include "arch/mp_table.h"

namespace bothy::arch {

Result<GuestAddress> write_firmware_tables(const FirmwareConfig& config, GuestMemory& memory) {
  AcpiConfig acpi;
  acpi.vcpus = config.vcpus;
  acpi.serial = config.serial;
  acpi.devices = config.devices;
  BOTHY_TRY(const GuestAddress rsdp, write_acpi_tables(acpi, memory));
  BOTHY_TRY(write_mp_table(config.vcpus, memory));
  return rsdp;
}

}  // namespace bothy::arch
