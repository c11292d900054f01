package zexatest

import (
	"container/heap"
	"time"
)

// agenda holds what is to happen by itself, on one timer.
type agenda struct {
	tasks tasks
	timer *time.Timer
	count int
}

type task struct {
	at  time.Time
	seq int // among tasks of the same time, the order in which they were added
	do  func()
}

// at has do called at time t, or at once if that is past. Both the caller and
// do hold the lock.
func (s *Server) at(t time.Time, do func()) {
	s.agenda.count++
	heap.Push(&s.agenda.tasks, task{at: t, seq: s.agenda.count, do: do})
	if s.agenda.tasks[0].seq == s.agenda.count {
		s.rearm()
	}
}

func (s *Server) rearm() {
	if s.closed || len(s.agenda.tasks) == 0 {
		return
	}
	wait := time.Until(s.agenda.tasks[0].at)
	if s.agenda.timer == nil {
		s.agenda.timer = time.AfterFunc(wait, s.runDue)
		return
	}
	s.agenda.timer.Reset(wait)
}

func (s *Server) runDue() {
	s.mu.Lock()
	defer s.unlock()
	now := time.Now()
	for !s.closed && len(s.agenda.tasks) > 0 && !s.agenda.tasks[0].at.After(now) {
		heap.Pop(&s.agenda.tasks).(task).do()
	}
	s.rearm()
}

func (a *agenda) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}

// tasks implements [heap.Interface].
type tasks []task

func (t tasks) Len() int      { return len(t) }
func (t tasks) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t tasks) Less(i, j int) bool {
	if t[i].at.Equal(t[j].at) {
		return t[i].seq < t[j].seq
	}
	return t[i].at.Before(t[j].at)
}
func (t *tasks) Push(x any) { *t = append(*t, x.(task)) }
func (t *tasks) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	(*t)[last] = task{}
	*t = (*t)[:last]
	return x
}
