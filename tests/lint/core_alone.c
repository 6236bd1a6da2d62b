/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links the whole core without any other library of ours, libbpf or libelf: that is the test. */
int main(void)
{
	return 0;
}
