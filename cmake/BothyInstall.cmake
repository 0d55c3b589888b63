# `cmake --install`: the executable with its names, the guests' kernel, manual pages, completions, settings for container engines, documents.
# And a Debian package of the same files, by CPack (scripts/package).
include_guard(GLOBAL)
include(GNUInstallDirs)

set(BOTHY_DOCUMENTS "${CMAKE_INSTALL_DATADIR}/doc/bothy")
set(BOTHY_GUEST "${CMAKE_SOURCE_DIR}/build/guest/${BOTHY_ARCH}")

install(TARGETS bothy RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# Where bothy looks for it, whatever the libraries' directory is called (run/vm/prepare.cc).
install(FILES "${BOTHY_GUEST}/vmlinux" DESTINATION lib/bothy OPTIONAL)
install(FILES "${BOTHY_GUEST}/config" DESTINATION ${BOTHY_DOCUMENTS} RENAME vmlinux.config OPTIONAL)
install(FILES README.md LICENSE DESTINATION ${BOTHY_DOCUMENTS})
install(FILES bench/report/page/bundle/LICENSES DESTINATION ${BOTHY_DOCUMENTS} RENAME LICENSES.plot)
install(DIRECTORY docs DESTINATION ${BOTHY_DOCUMENTS} FILES_MATCHING PATTERN "*.md" PATTERN results EXCLUDE)

set(BOTHY_PAGES "${CMAKE_BINARY_DIR}/reference")
install(DIRECTORY "${BOTHY_PAGES}/man/" DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(DIRECTORY "${BOTHY_PAGES}/bash/" DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(DIRECTORY "${BOTHY_PAGES}/fish/" DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(DIRECTORY "${BOTHY_PAGES}/zsh/" DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)

# bothy_install_link(DIRECTORY NAME TARGET)
function(bothy_install_link directory name target)
  install(CODE "
    set(directory \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${directory}\")
    file(MAKE_DIRECTORY \"\${directory}\")
    file(CREATE_LINK ${target} \"\${directory}/${name}\" SYMBOLIC)
    list(APPEND CMAKE_INSTALL_MANIFEST_FILES \"\${CMAKE_INSTALL_PREFIX}/${directory}/${name}\")")
endfunction()
foreach(name IN ITEMS bothy-oci bothy-vm)
  bothy_install_link(${CMAKE_INSTALL_BINDIR} ${name} bothy)
  # Both shells look for a file by the program's name.
  bothy_install_link(${CMAKE_INSTALL_DATADIR}/bash-completion/completions ${name} bothy)
  bothy_install_link(${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d ${name}.fish bothy.fish)
endforeach()

# Engines want the paths of the installed program, which --prefix says last.
install(CODE "
  set(BOTHY_OCI \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/bothy-oci\")
  set(BOTHY_VM \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/bothy-vm\")
  set(BOTHY_SETTINGS \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/bothy\")
  foreach(name IN ITEMS containers.conf containerd.toml docker.json)
    configure_file(\"${CMAKE_SOURCE_DIR}/packaging/\${name}.in\" \"${CMAKE_BINARY_DIR}/packaging/\${name}\" @ONLY)
    file(INSTALL \"${CMAKE_BINARY_DIR}/packaging/\${name}\" DESTINATION \"\${BOTHY_SETTINGS}\")
  endforeach()
  if(NOT EXISTS \"${BOTHY_GUEST}/vmlinux\")
    message(WARNING \"no kernel for guests: scripts/guest-kernel builds it\")
  endif()")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME bothy)
set(CPACK_PACKAGE_CONTACT "bothy maintainers <maintainers@bothy.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "KVM microVM monitor and container launcher")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "One container image, two ways to run it: as a microVM with a kernel of its own,
or as a container, a namespaced process on the host's kernel. Same command,
same image, same exit code.

The package has the kernel of the microVMs and the links bothy-oci and
bothy-vm, by which Podman, containerd and Docker take bothy for their runtime.")
# Where the prefix is /usr, in a directory that stands for /.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS "${CMAKE_SOURCE_DIR}/packaging/debian/complete.cmake")
set(CPACK_POST_BUILD_SCRIPTS "${CMAKE_SOURCE_DIR}/packaging/debian/measure.cmake")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
# Of libraries it needs none. What follows are programs that it starts, each for something that one may do without.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "e2fsprogs, passt, procps, skopeo, uidmap, virtiofsd | qemu-system-common")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "bash-completion, containerd, docker.io, podman")
include(CPack)
