/* long bothy_clone_vfork(struct clone_args*, size_t): clone3(2) with CLONE_VM and CLONE_VFORK, which returns twice, as vfork(2)
   does: the child uses this stack, so that the parent's return address waits in a register. Returns -errno for an error. */
  .text
  .global bothy_clone_vfork
  .type bothy_clone_vfork, @function
bothy_clone_vfork:
  pop %rdx
  mov $435, %eax /* SYS_clone3 */
  syscall
  push %rdx
  ret
  .size bothy_clone_vfork, . - bothy_clone_vfork
  .section .note.GNU-stack, "", @progbits
