# Makes what `cmake --install` has put into CPack's directory a Debian package: what Debian's policy wants, and only that.
# Run by CPack before it packs.
set(root "${CPACK_TEMPORARY_DIRECTORY}/usr")
set(documents "${root}/share/doc/bothy")

# In Debian, zsh looks there for what packages bring.
file(RENAME "${root}/share/zsh/site-functions" "${root}/share/zsh/vendor-completions")

# The licence is in the file "copyright".
file(REMOVE "${documents}/LICENSE")
file(COPY_FILE "${CMAKE_CURRENT_LIST_DIR}/copyright" "${documents}/copyright")
file(MAKE_DIRECTORY "${root}/share/lintian/overrides")
file(COPY_FILE "${CMAKE_CURRENT_LIST_DIR}/lintian-overrides" "${root}/share/lintian/overrides/bothy")

# SOURCE_DATE_EPOCH, where it is set.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
string(TIMESTAMP seconds "%s" UTC)
configure_file("${CMAKE_CURRENT_LIST_DIR}/changelog.in" "${documents}/changelog" @ONLY)

# Without names and times, for the same bytes each time.
file(GLOB compressed "${root}/share/man/man1/*.1" "${documents}/changelog")
execute_process(COMMAND gzip -9n ${compressed} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND chmod -R u=rwX,go=rX "${CPACK_TEMPORARY_DIRECTORY}" COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND find "${CPACK_TEMPORARY_DIRECTORY}" -exec touch -h -d "@${seconds}" {} + COMMAND_ERROR_IS_FATAL ANY)
