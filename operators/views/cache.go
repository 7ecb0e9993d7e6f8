package views

import "sync"

// cacheBytesDefault is what the views of a store keep in memory of their pages.
const cacheBytesDefault = 96 << 20

// Cache holds pages of views in memory, up to a number of bytes; those that were
// not used for longest go first. Pages that are not in a store yet are held
// beside it. It is safe for concurrent use, and its lock is taken inside of a
// view's.
type Cache struct {
	mu     sync.Mutex
	budget int64
	used   int64
	newest *page // a ring
}

// NewCache returns an empty cache for so many bytes; 0: 96 MiB.
func NewCache(bytes int64) *Cache {
	or(&bytes, cacheBytesDefault)
	return &Cache{budget: bytes}
}

// Used returns the bytes of the pages in the cache.
func (c *Cache) Used() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used
}

// get returns the body of a page if it is in memory. The caller releases it.
func (c *Cache) get(p *page) *body {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.body == nil {
		return nil
	}
	p.body.retain()
	if p.newer != nil && c.newest != p {
		c.unlink(p)
		c.link(p)
	}
	return p.body
}

// put gives a page its body, of which the cache takes a reference of its own,
// unless it has one. A page of a store may be let go from now on.
func (c *Cache) put(p *page, b *body, evictable bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.gone {
		return
	}
	if p.body == nil {
		b.retain()
		p.body = b
	}
	if evictable && p.newer == nil {
		c.link(p)
		c.used += p.body.bytes
		for c.used > c.budget && c.newest != nil {
			c.evict(c.newest.newer)
		}
	}
}

// settle says that a page is in the store, so that its body may go.
func (c *Cache) settle(p *page) {
	if b := c.get(p); b != nil {
		c.put(p, b, true)
		b.release()
	}
}

// drop lets go of a page for good.
func (c *Cache) drop(p *page) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.gone = true
	switch {
	case p.newer != nil:
		c.evict(p)
	case p.body != nil:
		p.body.release()
		p.body = nil
	}
}

func (c *Cache) evict(p *page) {
	c.used -= p.body.bytes
	c.unlink(p)
	p.body.release()
	p.body = nil
}

// link makes p the newest; the ring's next newer one of it is the oldest.
func (c *Cache) link(p *page) {
	if c.newest == nil {
		p.newer, p.older = p, p
	} else {
		p.newer, p.older = c.newest.newer, c.newest
		p.newer.older, p.older.newer = p, p
	}
	c.newest = p
}

func (c *Cache) unlink(p *page) {
	switch {
	case p.newer == p:
		c.newest = nil
	default:
		p.newer.older, p.older.newer = p.older, p.newer
		if c.newest == p {
			c.newest = p.older
		}
	}
	p.newer, p.older = nil, nil
}
