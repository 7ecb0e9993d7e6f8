package wal

// reserveDefault and reserveParts make the default of Config.DiskReserve: the
// lesser of so many bytes and one part of the disk.
const (
	reserveDefault = 512 << 20
	reserveParts   = 50
)

// lookBytesMax is after how many bytes written the leader looks at the disk at
// the latest, without waiting for the next second. Where less than twice that is
// left above the reserve it looks earlier.
const lookBytesMax = 32 << 20

// lookAtDisk finds out whether the disk has more room than is to be left. It is
// no promise: others write to the disk too.
func (l *Log) lookAtDisk() {
	if l.cfg.DiskReserve < 0 {
		return
	}
	free, size, err := l.cfg.Disk()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unlooked = 0
	if err != nil || size <= 0 {
		// Where the system does not say there is no reserve: a write that fails is
		// fatal and loses nothing.
		l.diskFree, l.diskLow, l.lookAfter = -1, false, lookBytesMax
		return
	}
	reserve := l.cfg.DiskReserve
	if reserve == 0 {
		reserve = min(reserveDefault, size/reserveParts)
	}
	low := free < reserve
	if low != l.diskLow {
		if low {
			l.cfg.Logger.Error("the disk is nearly full: the log takes no records until there is more room", "free", free, "reserve", reserve)
		} else {
			l.cfg.Logger.Info("the disk has room again: the log takes records", "free", free)
		}
	}
	l.diskFree, l.diskLow = free, low
	l.lookAfter = min(max((free-reserve)/2, reserve/8, 1<<16), lookBytesMax)
}
