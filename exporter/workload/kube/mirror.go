// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/cache"
)

// sink takes what a watch brings, trimmed. Its functions are called from the
// goroutine of Client.Run.
type sink[T any] struct {
	object  runtime.Object // an example of what the server sends
	trim    func(runtime.Object) T
	set     func(T)
	remove  func(T)
	replace func([]T)
	// unavailable is told of a resource that does not exist or is forbidden. May be nil.
	unavailable func(err error)
	backoff     *wait.Backoff // nil for client-go's: 0.8 s, doubling up to 30 s, and as much again by chance
}

// mirror is what a reflector takes for its store. It stores nothing: objects are
// trimmed and passed on, and the reflector waits until they are taken.
//
// This is all that is used of client-go's informers. Their stores and indexes
// would be a second copy of what package workload keeps, and they do not tell a
// new list from changes.
type mirror[T any] struct {
	ctx   context.Context
	queue chan<- func()
	state *state
	sink  sink[T]
}

// runWatch keeps the sink up to date until the context is done.
func runWatch[T any](ctx context.Context, w *watch, queue chan<- func(), s sink[T]) {
	m := &mirror[T]{ctx: ctx, queue: queue, state: w.state, sink: s}
	if s.unavailable != nil {
		w.unavailable = func(err error) { tell(ctx, queue, func() { s.unavailable(err) }) }
	}
	requests := &cache.ListWatch{ListWithContextFunc: w.list, WatchFuncWithContext: w.open}
	cache.NewReflectorWithOptions(requests, s.object, m, cache.ReflectorOptions{
		Name: w.resource, Backoff: s.backoff,
	}).RunWithContext(ctx)
}

// tell has a function called in its turn, unless everything ends.
func tell(ctx context.Context, queue chan<- func(), call func()) {
	select {
	case queue <- call:
	case <-ctx.Done():
	}
}

// trimmed is the object as T. What was streamed as a list is T already.
func (m *mirror[T]) trimmed(object any) T {
	if t, ok := object.(T); ok {
		return t
	}
	return m.sink.trim(object.(runtime.Object))
}

// Transformer has the reflector trim the objects of a streamed list as they
// arrive, so that they are never in memory as a whole.
func (m *mirror[T]) Transformer() cache.TransformFunc {
	return func(object any) (any, error) { return m.trimmed(object), nil }
}

// Add is part of the reflector's store.
func (m *mirror[T]) Add(object any) error { return m.Update(object) }

// Update is part of the reflector's store.
func (m *mirror[T]) Update(object any) error {
	t := m.trimmed(object)
	tell(m.ctx, m.queue, func() { m.sink.set(t) })
	return nil
}

// Delete is part of the reflector's store.
func (m *mirror[T]) Delete(object any) error {
	t := m.trimmed(object)
	tell(m.ctx, m.queue, func() { m.sink.remove(t) })
	return nil
}

// Replace is part of the reflector's store: a list is complete.
func (m *mirror[T]) Replace(objects []any, _ string) error {
	list := make([]T, len(objects))
	for i, object := range objects {
		list[i] = m.trimmed(object)
	}
	tell(m.ctx, m.queue, func() { m.sink.replace(list) })
	m.state.listed(len(list))
	return nil
}

// Resync is part of the reflector's store, and never called.
func (m *mirror[T]) Resync() error { return nil }
