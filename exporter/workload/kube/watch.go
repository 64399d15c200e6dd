// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
)

// A server ends each request in time. One that does not answer any more would
// hold it for ever, so the client ends it a little later.
const (
	listTimeout  = 90 * time.Second // servers allow a list 60 s by default
	watchOverrun = time.Minute      // beyond the time that was asked for
)

// watch is the requests for one resource, and how they went. It is what a
// reflector lists and watches with.
type watch struct {
	client   rest.Interface
	resource string
	fields   string // selector; the server applies it
	metadata bool   // only the metadata of the objects
	state    *state
	// hopeless is the error of a streamed list that a plain list would repeat.
	// Only the reflector's goroutine uses it.
	hopeless error
	// unavailable is called when the server answered that there is no such
	// resource, or that it is forbidden. Nil for nobody.
	unavailable func(err error)
}

func newWatch(client rest.Interface, resource string, log *slog.Logger) *watch {
	return &watch{client: client, resource: resource, state: newState(resource, log)}
}

// request prepares a list or a watch.
func (w *watch) request(opts metav1.ListOptions) *rest.Request {
	opts.FieldSelector = w.fields
	r := w.client.Get().Resource(w.resource).VersionedParams(&opts, metav1.ParameterCodec)
	if w.metadata {
		as := ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
		if opts.Watch {
			as = ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
		}
		r = r.SetHeader("Accept", protobuf+as+","+runtime.ContentTypeJSON+as)
	}
	return r
}

// list is called by the reflector when it cannot stream the list.
func (w *watch) list(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
	if err := w.hopeless; err != nil {
		w.hopeless = nil
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	list, err := w.request(opts).Do(ctx).Get()
	if err != nil {
		w.failed("list", err)
	}
	return list, err
}

// open is called by the reflector to watch, and to stream a list.
func (w *watch) open(ctx context.Context, opts metav1.ListOptions) (apiwatch.Interface, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(*opts.TimeoutSeconds)*time.Second+watchOverrun)
	opts.Watch = true
	stream, err := w.request(opts).Watch(ctx)
	if err == nil {
		if opts.SendInitialEvents == nil {
			w.state.connected()
		}
		return w.observe(ctx, stream, cancel), nil
	}
	cancel()
	w.failed("watch", err)
	if opts.SendInitialEvents == nil {
		return nil, err
	}
	switch status(err) {
	case 0, http.StatusNotFound, http.StatusTooManyRequests:
		w.hopeless = err
	}
	return nil, listInstead(err)
}

// listInstead hides why a streamed list failed. The reflector would wait and try
// again, in a way that does not end with the context; for other errors it turns to
// the list, and waits for the context too if that fails.
func listInstead(err error) error {
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) || apierrors.IsTimeout(err) {
		return err
	}
	return errors.New(err.Error())
}

// failed takes down a request that failed.
func (w *watch) failed(verb string, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	w.state.failed(verb, err)
	refused := apierrors.IsNotFound(err) || apierrors.IsForbidden(err)
	if refused && w.unavailable != nil {
		w.unavailable(err)
	}
}

// observed is a stream whose events are taken down on their way to the
// reflector.
type observed struct {
	events <-chan apiwatch.Event
	stop   func()
}

// observe takes over a stream. Stopping ends it, and the context by cancel.
func (w *watch) observe(ctx context.Context, stream apiwatch.Interface, cancel func()) *observed {
	events := make(chan apiwatch.Event)
	go func() {
		defer close(events)
		for event := range stream.ResultChan() {
			switch {
			case ctx.Err() != nil:
				return
			case event.Type == apiwatch.Error:
				w.failed("watch", apierrors.FromObject(event.Object))
			default:
				w.state.event()
			}
			select {
			case events <- event:
			case <-ctx.Done():
				return
			}
		}
	}()
	return &observed{events: events, stop: func() {
		cancel()
		stream.Stop()
	}}
}

// ResultChan is part of the watch interface.
func (o *observed) ResultChan() <-chan apiwatch.Event { return o.events }

// Stop is part of the watch interface. The reflector calls it also when the
// stream has ended by itself.
func (o *observed) Stop() { o.stop() }
