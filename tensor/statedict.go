package tensor

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// A storage is the elements that the tensors of a file of torch.save view.
type storage struct {
	elements int    // as the pickle has them
	size     int    // bytes, as the pickle has them
	data     []byte // nil until they were found
}

// A typedStorage is a storage and the type of its elements.
type typedStorage struct {
	*storage
	dtype DType
}

// A view is a tensor as the pickle describes it: strides and offset count
// elements of its storage, and none is negative.
type view struct {
	storage        *storage
	dtype          DType
	offset         int
	shape, strides []int
}

// A storageType is the class of storages of a DType.
type storageType DType

// A function is a function of Python that a state dict calls.
type function struct {
	name string
	call func(args tuple) (any, error)
}

// globals holds, by module and name, all that a pickle may name: what
// PyTorch 2.15 (torch/_tensor.py, torch/_utils.py, torch/storage.py) and the
// versions before it write for dense tensors on a CPU.
var globals = map[string]any{
	"torch FloatStorage":           storageType(F32),
	"torch DoubleStorage":          storageType(F64),
	"torch HalfStorage":            storageType(F16),
	"torch BFloat16Storage":        storageType(BF16),
	"torch LongStorage":            storageType(I64),
	"torch IntStorage":             storageType(I32),
	"torch ShortStorage":           storageType(I16),
	"torch CharStorage":            storageType(I8),
	"torch ByteStorage":            storageType(U8),
	"torch BoolStorage":            storageType(BOOL),
	"torch ComplexFloatStorage":    storageType(C64),
	"torch.storage UntypedStorage": storageType(U8),

	// For _rebuild_tensor_v3: the types that have no storage class.
	"torch uint16":          U16,
	"torch uint32":          U32,
	"torch uint64":          U64,
	"torch float8_e4m3fn":   F8E4M3,
	"torch float8_e5m2":     F8E5M2,
	"torch float8_e8m0fnu":  F8E8M0,
	"torch float8_e4m3fnuz": F8E4M3FNUZ,
	"torch float8_e5m2fnuz": F8E5M2FNUZ,

	"collections OrderedDict":         &function{"collections.OrderedDict", newOrderedDict},
	"torch Size":                      &function{"torch.Size", newSize},
	"torch._utils _rebuild_tensor":    &function{"torch._utils._rebuild_tensor", rebuildTensor},
	"torch._utils _rebuild_tensor_v2": &function{"torch._utils._rebuild_tensor_v2", rebuildTensorV2},
	"torch._utils _rebuild_tensor_v3": &function{"torch._utils._rebuild_tensor_v3", rebuildTensorV3},
	"torch._utils _rebuild_parameter": &function{"torch._utils._rebuild_parameter", rebuildParameter},
}

// newOrderedDict returns an empty OrderedDict; its items follow in SETITEMS.
func newOrderedDict(args tuple) (any, error) {
	if len(args) != 0 {
		return nil, fmt.Errorf("%d arguments, expected none", len(args))
	}
	return &dict{ordered: true}, nil
}

// newSize returns the tuple that a torch.Size is.
func newSize(args tuple) (any, error) {
	if len(args) == 1 {
		if size, ok := args[0].(tuple); ok {
			return size, nil
		}
	}
	return nil, fmt.Errorf("%d arguments, expected one tuple", len(args))
}

// rebuildTensor takes storage, offset, size and stride.
func rebuildTensor(args tuple) (any, error) {
	if len(args) != 4 {
		return nil, fmt.Errorf("%d arguments, expected 4", len(args))
	}
	s, ok := args[0].(*typedStorage)
	if !ok {
		return nil, fmt.Errorf("argument 0: %s, expected a storage", kind(args[0]))
	}
	offset, ok := number(args[1])
	if !ok {
		return nil, fmt.Errorf("argument 1, offset: %s, expected a whole number from 0 on", kind(args[1]))
	}
	shape, err := numbers(args[2])
	if err != nil {
		return nil, fmt.Errorf("argument 2, shape: %w", err)
	}
	strides, err := numbers(args[3])
	if err != nil {
		return nil, fmt.Errorf("argument 3, strides: %w", err)
	}
	if len(strides) != len(shape) {
		return nil, fmt.Errorf("%d strides, expected %d, one for each dimension", len(strides), len(shape))
	}
	return &view{s.storage, s.dtype, offset, shape, strides}, nil
}

// rebuildTensorV2 takes the arguments of rebuildTensor, requires_grad, hooks
// and maybe metadata: bits that change the values.
func rebuildTensorV2(args tuple) (any, error) {
	if len(args) != 6 && len(args) != 7 {
		return nil, fmt.Errorf("%d arguments, expected 6 or 7", len(args))
	}
	if err := plain(args[4], args[5], args[6:]); err != nil {
		return nil, err
	}
	return rebuildTensor(args[:4])
}

// rebuildTensorV3 takes the arguments of rebuildTensor, requires_grad, hooks,
// dtype and maybe metadata.
func rebuildTensorV3(args tuple) (any, error) {
	if len(args) != 7 && len(args) != 8 {
		return nil, fmt.Errorf("%d arguments, expected 7 or 8", len(args))
	}
	dtype, ok := args[6].(DType)
	if !ok {
		return nil, fmt.Errorf("argument 6: %s, expected a dtype", kind(args[6]))
	}
	if err := plain(args[4], args[5], args[7:]); err != nil {
		return nil, err
	}
	t, err := rebuildTensor(args[:4])
	if err != nil {
		return nil, err
	}
	t.(*view).dtype = dtype
	return t, nil
}

// rebuildParameter takes a tensor, requires_grad and hooks.
func rebuildParameter(args tuple) (any, error) {
	if len(args) != 3 {
		return nil, fmt.Errorf("%d arguments, expected 3", len(args))
	}
	t, ok := args[0].(*view)
	if !ok {
		return nil, fmt.Errorf("argument 0: %s, expected a tensor", kind(args[0]))
	}
	return t, plain(args[1], args[2], nil)
}

// plain checks what a tensor has besides its elements: hooks to run and bits
// that change the values are errors.
func plain(requiresGrad, hooks any, metadata []any) error {
	if _, ok := requiresGrad.(bool); !ok {
		return fmt.Errorf("requires_grad: %s, expected a bool", kind(requiresGrad))
	}
	if d, ok := hooks.(*dict); !ok || len(d.items) > 0 {
		return fmt.Errorf("hooks: %s, expected an empty OrderedDict", kind(hooks))
	}
	for _, m := range metadata {
		if d, ok := m.(*dict); m != nil && (!ok || len(d.items) > 0) {
			return fmt.Errorf("metadata: %s, expected none", kind(m))
		}
	}
	return nil
}

// number returns v as an int from 0 on.
func number(v any) (int, bool) {
	n, ok := v.(int64)
	return int(n), ok && n >= 0 && n <= math.MaxInt
}

// numbers returns v, a tuple, as ints from 0 on.
func numbers(v any) ([]int, error) {
	t, ok := v.(tuple)
	if !ok {
		return nil, fmt.Errorf("%s, expected a tuple", kind(v))
	}
	if len(t) > maxDimensions {
		return nil, fmt.Errorf("%d numbers, expected at most %d", len(t), maxDimensions)
	}
	list := make([]int, len(t))
	for i, v := range t {
		if list[i], ok = number(v); !ok {
			return nil, fmt.Errorf("element %d: %s, expected a whole number from 0 on", i, kind(v))
		}
	}
	return list, nil
}

// persistent pushes a storage, which the pickle names by a tuple: "storage",
// its class, key, device, number of elements and, in the legacy format, what it
// is a view of, which is None since PyTorch 0.4.
func (u *unpickler) persistent() error {
	v, err := u.pop(1)
	if err != nil {
		return err
	}
	id, _ := v[0].(tuple)
	if len(id) == 6 && id[5] == nil {
		id = id[:5]
	}
	if len(id) != 5 || id[0] != "storage" {
		return fmt.Errorf(`%s, expected ("storage", class, key, device, elements)`, kind(v[0]))
	}
	class, isClass := id[1].(storageType)
	key, isKey := id[2].(string)
	n, isSize := number(id[4])
	switch {
	case !isClass:
		return fmt.Errorf("class: %s, expected a storage type", kind(id[1]))
	case !isKey:
		return fmt.Errorf("key: %s, expected a string", kind(id[2]))
	case id[3] == "meta":
		return fmt.Errorf("storage %.50q: on device meta, which holds no data", key)
	case !isSize:
		return fmt.Errorf("storage %.50q: %s elements, expected a whole number from 0 on", key, kind(id[4]))
	}
	size, ok := byteSize(DType(class), []int{n})
	if !ok {
		return fmt.Errorf("storage %.50q: %d elements of %v: more bytes than this system can address", key, n, DType(class))
	}
	s := u.storages[key]
	if s == nil {
		s = &storage{elements: n, size: size}
		u.storages[key] = s
	}
	if s.size != size {
		return fmt.Errorf("storage %.50q: %d bytes, and %d bytes before", key, size, s.size)
	}
	u.push(&typedStorage{s, DType(class)})
	return nil
}

// stateDict returns the tensors of value, a dict of them by name whose storages
// have their data. Tensors that are not contiguous are copied, to at most spare
// bytes together.
func stateDict(value any, spare int) ([]Tensor, error) {
	d, ok := value.(*dict)
	if !ok {
		return nil, fmt.Errorf("%s, expected a dict of tensors by name", kind(value))
	}
	seen := make(map[string]struct{}, len(d.items)/2)
	tensors := make([]Tensor, 0, len(d.items)/2)
	for i := 0; i < len(d.items); i += 2 {
		name, ok := d.items[i].(string)
		if !ok {
			return nil, fmt.Errorf("key %s, expected the name of a tensor", kind(d.items[i]))
		}
		if _, ok := seen[name]; ok {
			return nil, fmt.Errorf("duplicate key %.200q", name)
		}
		seen[name] = struct{}{}
		v, ok := d.items[i+1].(*view)
		if !ok {
			return nil, fmt.Errorf("key %.200q: %s, expected a tensor", name, kind(d.items[i+1]))
		}
		t, err := v.tensor(name, spare)
		if err != nil {
			return nil, fmt.Errorf("tensor %.200q: %w", name, err)
		}
		if !v.contiguous() {
			spare -= len(t.Data)
		}
		tensors = append(tensors, t)
	}
	return tensors, nil
}

// tensor returns v as a Tensor. Its Data are the storage's if v is contiguous,
// else a copy of at most spare bytes.
func (v *view) tensor(name string, spare int) (Tensor, error) {
	t := Tensor{Name: name, DType: v.dtype, Shape: v.shape}
	size, ok := byteSize(v.dtype, v.shape)
	if !ok {
		return t, fmt.Errorf("shape %v of %v: more bytes than this system can address", v.shape, v.dtype)
	}
	if size == 0 {
		t.Data = []byte{} // wherever it lies
		return t, nil
	}
	if !v.within() {
		return t, fmt.Errorf("offset %d, shape %v, strides %v: past the end, the storage has %d elements of %v",
			v.offset, v.shape, v.strides, v.storage.size/v.dtype.Size(), v.dtype)
	}
	if v.contiguous() {
		begin := v.offset * v.dtype.Size()
		t.Data = v.storage.data[begin : begin+size : begin+size]
		return t, nil
	}
	if size > spare { // elements of stride 0 make any size out of a few bytes
		return t, errors.New("tensors that are not contiguous have more bytes than the file")
	}
	t.Data = v.elements(size)
	return t, nil
}

// within reports whether v, which has elements, lies in its storage.
func (v *view) within() bool {
	n := uint64(v.storage.size / v.dtype.Size())
	last := uint64(v.offset)
	for i, d := range v.shape {
		hi, lo := bits.Mul64(uint64(d-1), uint64(v.strides[i]))
		if hi != 0 || lo >= n || last >= n {
			return false
		}
		last += lo
	}
	return last < n
}

// contiguous reports whether the elements of v lie in row-major order without gaps.
func (v *view) contiguous() bool {
	next := 1
	for i := len(v.shape) - 1; i >= 0; i-- {
		if d := v.shape[i]; d != 1 {
			if v.strides[i] != next {
				return false
			}
			next *= d
		}
	}
	return true
}

// elements returns the elements of v, size bytes, in row-major order.
func (v *view) elements(size int) []byte {
	data := make([]byte, 0, size)
	element := v.dtype.Size()
	index := make([]int, len(v.shape))
	at := v.offset
	for len(data) < size {
		data = append(data, v.storage.data[at*element:(at+1)*element]...)
		for i := len(index) - 1; i >= 0; i-- {
			if index[i]++; index[i] < v.shape[i] {
				at += v.strides[i]
				break
			}
			at -= (v.shape[i] - 1) * v.strides[i]
			index[i] = 0
		}
	}
	return data
}
