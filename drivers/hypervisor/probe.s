# The guest of one sector that proves a kind of virtualisation: see proof.py, which holds it assembled:
# as -o probe.o probe.s && ld -m elf_x86_64 -Ttext 0x7c00 --oformat binary -o probe.bin probe.o
.code16
.globl _start
_start:
  cli
  xorw %ax,%ax
  movw %ax,%ds
  movw $0x3f8,%dx
  movb $'r',%al
  outb %al,%dx
  lgdt gdtr
  movl %cr0,%eax
  orb $1,%al
  movl %eax,%cr0
  ljmp $8,$pm
.code32
pm:
  movw $16,%ax
  movw %ax,%ds
  movw %ax,%es
  movb $'p',%al
  outb %al,%dx
  movl $100000000,%ecx
1: decl %ecx
  jnz 1b
  movb $'P',%al
  outb %al,%dx
  movl $0x1000,%edi
  movl %edi,%cr3
  xorl %eax,%eax
  movl $0x800,%ecx
  rep stosl
  movl $0x2003,0x1000
  movl $0x83,0x2000
  movl %cr4,%eax
  orb $0x20,%al
  movl %eax,%cr4
  movl $0xc0000080,%ecx
  rdmsr
  orl $0x100,%eax
  wrmsr
  movl %cr0,%eax
  orl $0x80000000,%eax
  movl %eax,%cr0
  ljmp $24,$lm
.code64
lm:
  movl $0x3f8,%edx
  movb $'l',%al
  outb %al,%dx
  movl $100000000,%ecx
1: decl %ecx
  jnz 1b
  movb $'L',%al
  outb %al,%dx
2: hlt
  jmp 2b
.align 8
gdt:
  .quad 0
  .quad 0x00cf9a000000ffff
  .quad 0x00cf92000000ffff
  .quad 0x00af9a000000ffff
gdtr: .word .-gdt-1
  .long gdt
