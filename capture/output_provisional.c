#include <unistd.h>
#include "capture/output_inside.h"
#include "capture/playback.h"
void output_mark(struct output *o, uint64_t mark)
{
	uint64_t s[OSTAT_MAX];
	output_ship(o);
	do { usleep(1000); output_stats(o, s); } while (s[OSTAT_IN_FLIGHT]);
	o->cfg.marked(o->cfg.marked_arg, mark, true);
}
int playback_resume(struct playback *p)
{
	return 0;
}
