// The entry point: the stack holds argc, argv and the environment, and nothing may return.
  .section .text.start, "ax", @progbits
  .globl _start
  .type _start, @function
_start:
  xor %ebp, %ebp
  and $-16, %rsp
  call testinit_main
  ud2
  .size _start, . - _start

  .section .note.GNU-stack, "", @progbits
