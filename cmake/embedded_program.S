/* A file as read-only data between two symbols (BothyBuild.cmake, bothy_embedded_program). */
  .section .rodata
  .global BOTHY_PROGRAM_BEGIN
  .global BOTHY_PROGRAM_END
  .balign 16
BOTHY_PROGRAM_BEGIN:
  .incbin BOTHY_PROGRAM
BOTHY_PROGRAM_END:
  .section .note.GNU-stack, "", @progbits
