# A guest that touches 24 MiB of its RAM, more than Linux has when its init starts, writes the boot marker and halts for good: integer code only, so that it also runs
# where KVM emulates its guests. Entered through PVH, in 32-bit protected mode without paging.
	.code32
	.text
	.globl _start
_start:
	movl $0x1800000, %eax
touch:
	movl %eax, (%eax)
	addl $4096, %eax
	cmpl $0x3000000, %eax
	jb touch
	movw $0x3f0, %dx
	movb $0x7b, %al
	outb %al, %dx
	cli
halt:
	hlt
	jmp halt

# XEN_ELFNOTE_PHYS32_ENTRY (Linux, include/xen/interface/elfnote.h)
	.section .note.Xen, "a", @note
	.long 4, 4, 18
	.asciz "Xen"
	.long _start
